#!/usr/bin/env bash
# Installs what `make test` needs and this machine lacks, where it may: Debian or a child of it, as root. Elsewhere it only
# says what is missing. Always exits 0: the tests themselves decide what they can do without.
set -euo pipefail

declare -A package_of=(
  [cc]=gcc [make]=make [perl]=perl [java]=openjdk-17-jre-headless [mvn]=maven [promtool]=prometheus
  [systemd-analyze]=systemd [unshare]=util-linux [nsenter]=util-linux [setpriv]=util-linux [python3]=python3
)
missing=() packages=()
for tool in "${!package_of[@]}"; do
  if ! command -v "$tool" >/dev/null; then missing+=("$tool"); packages+=("${package_of[$tool]}"); fi
done
components=()
cargo fmt --version >/dev/null 2>&1 || components+=(rustfmt)
cargo clippy --version >/dev/null 2>&1 || components+=(clippy)

if [[ ${#missing[@]} -gt 0 ]]; then
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    echo "needs: installing ${packages[*]} (for ${missing[*]})"
    export DEBIAN_FRONTEND=noninteractive
    # Packages start their services; tests want the programs only.
    guard=/usr/sbin/policy-rc.d made_guard=
    if [[ ! -e $guard ]]; then printf '#!/bin/sh\nexit 101\n' >"$guard"; chmod +x "$guard"; made_guard=1; fi
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null; } ||
      echo "needs: apt-get could not install ${packages[*]}" >&2
    if [[ -n $made_guard ]]; then rm -f "$guard"; fi
  else
    echo "needs: not installed, and not root on Debian: ${missing[*]} (Debian packages: ${packages[*]})" >&2
  fi
fi
if [[ ${#components[@]} -gt 0 ]]; then
  if command -v rustup >/dev/null; then
    rustup component add "${components[@]}" || echo "needs: rustup could not add ${components[*]}" >&2
  else
    echo "needs: cargo lacks ${components[*]}, and there is no rustup to add them" >&2
  fi
fi

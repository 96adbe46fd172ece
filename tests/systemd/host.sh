#!/usr/bin/env bash
# A real systemd as PID 1 of its own namespaces, so that a test can start a unit and see what really happens.
#
#   host.sh start DIR [SOURCE:TARGET]...   boots; each SOURCE (file or folder) is seen read-only at TARGET
#   host.sh exec DIR COMMAND...            runs COMMAND inside as root, with a clean environment
#   host.sh push DIR SOURCE TARGET [MODE]  copies one file in; SOURCE - is standard input
#   host.sh stop DIR                       powers off and removes everything under DIR
#
# The machine's own /usr and /etc are the lower halves of overlays: what the test writes is gone at the end. Everything that
# Debian would start is left out, and the network is the machine's, so that a broker on loopback is reachable.
# A test bench, not a fence: root inside is root, less what it needs least.
#
# Needs root with CAP_SYS_ADMIN, a cgroup2 mount, overlayfs, util-linux and systemd; nothing else.
set -euo pipefail

script=$(realpath "${BASH_SOURCE[0]}")
# Neither the tests nor a unit under test may set the machine's clock, load modules or reach raw devices.
forbidden=-sys_time,-sys_module,-sys_rawio,-sys_boot,-syslog,-mac_admin,-mac_override,-audit_control,-audit_read,-wake_alarm,-block_suspend
clean=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root LANG=C.UTF-8 SYSTEMD_PAGER= SYSTEMD_COLORS=0)

fail() { echo "host.sh: $*" >&2; exit 1; }
usage() { sed -n '2,/^set -/s/^# \{0,1\}//p' "$script" >&2; exit 2; }

# ---- inside: PID 1 before it becomes systemd ----

overlay() { # overlay DIR NAME: the machine's /NAME, with what is written kept in memory
  mkdir -p "$1/layers/$2/over" "$1/layers/$2/work" "$1/root/$2"
  mount -t overlay overlay "$1/root/$2" -o "lowerdir=/$2,upperdir=$1/layers/$2/over,workdir=$1/layers/$2/work"
}

only_what_the_tests_need() { # what boots: the journal, temporary files, and the units that a test puts in
  local root=$1 units=$1/etc/systemd/system library=$1/usr/lib/systemd/system
  rm -rf "$units" "$library"/*.wants "$root"/usr/lib/systemd/system-generators/* "$root"/etc/fstab
  mkdir -p "$units"/{sysinit,sockets,multi-user}.target.wants "$root/etc/systemd/journald.conf.d"
  ln -s /lib/systemd/system/systemd-journald.service /lib/systemd/system/systemd-tmpfiles-setup.service \
    "$units/sysinit.target.wants/"
  ln -s /lib/systemd/system/systemd-journald.socket /lib/systemd/system/systemd-journald-dev-log.socket \
    "$units/sockets.target.wants/"
  printf '[Journal]\nStorage=persistent\nAudit=no\nReadKMsg=no\nRateLimitBurst=0\n' \
    >"$root/etc/systemd/journald.conf.d/tests.conf"
  rm -f "$root/etc/machine-id"
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
}

devices() { # devices ROOT: the harmless ones
  local device name kind major minor
  for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    IFS=: read -r name major minor <<<"$device"
    mknod -m 666 "$1/dev/$name" c "$major" "$minor"
  done
  mkdir "$1"/dev/{pts,shm}
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts"
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$1/dev/shm"
  ln -s pts/ptmx "$1/dev/ptmx"
  ln -s /proc/self/fd "$1/dev/fd"
  for kind in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${kind%:*}" "$1/dev/${kind#*:}"; done
}

inside() { # inside DIR PIDFILE BINDS...
  local dir=$1 root=$1/root pidfile=$2 pid _ bind source target folder
  shift 2
  # /proc is still the outer one, so this is the process id as the machine sees it.
  read -r pid _ </proc/self/stat
  mount --make-rprivate /
  mount --bind "$root" "$root"
  # In memory, because the upper half of an overlay may not itself be on one, as it would be in many a container.
  mkdir "$dir/layers"
  mount -t tmpfs -o size=512m tmpfs "$dir/layers"
  overlay "$dir" usr
  overlay "$dir" etc
  for folder in bin sbin lib lib32 lib64 libx32; do
    if [[ -L /$folder ]]; then cp -P "/$folder" "$root/$folder"; fi
  done
  mkdir -p "$root"/{dev,home,opt,proc,root,run,sys,tmp,var/{lib,cache,tmp,log/journal}}
  chmod 700 "$root/root"; chmod 1777 "$root/var/tmp"
  ln -s /run "$root/var/run"
  only_what_the_tests_need "$root"
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
  mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
  devices "$root"
  # The kernel's knobs are the machine's.
  mount --bind "$root/proc/sys" "$root/proc/sys"
  mount -o remount,bind,ro "$root/proc/sys"
  for folder in sysrq-trigger kcore kmsg; do
    if [[ -e $root/proc/$folder ]]; then mount --bind "$root/dev/null" "$root/proc/$folder"; fi
  done
  for bind in "$@"; do
    source=${bind%%:*} target=$root${bind#*:}
    if [[ -d $source ]]; then mkdir -p "$target"; else mkdir -p "${target%/*}"; touch "$target"; fi
    mount --bind "$source" "$target"
    mount -o remount,bind,ro "$target"
  done
  hostname unit-tests
  mkdir "$root/run/outside"
  cd "$root"
  pivot_root . run/outside
  echo "$pid" >"/run/outside/$pidfile"
  umount -l /run/outside
  # Units with a mount namespace of their own see mounts that are made later only if these are shared.
  mount --make-rshared /
  exec setpriv --bounding-set "$forbidden" "${clean[@]}" container=unit-tests \
    /lib/systemd/systemd --system --unit=multi-user.target --show-status=no --log-target=journal
}

# ---- outside ----

group_of() { # the control group of DIR
  local tree; tree=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
  [[ -n $tree ]] || fail "this machine has no cgroup2 mount"
  echo "$tree/noctriage-host-$(sha256sum <<<"$1" | cut -c1-12)"
}

first_process() { # prints PID 1 of DIR if it still is that process: same id and same start
  local pid began
  { read -r pid began <"$1/first"; } 2>/dev/null || return 1
  [[ $(cut -d ' ' -f 22 "/proc/$pid/stat" 2>/dev/null) == "$began" ]] && echo "$pid"
}

enter() { # enter DIR COMMAND...
  local pid; pid=$(first_process "$1") || fail "no host runs in $1"
  shift
  nsenter -t "$pid" -m -u -i -p -C -r -w -- setpriv --bounding-set "$forbidden" "${clean[@]}" "$@"
}

start() { # start DIR [BINDS...]
  local dir group pid state=unknown
  [[ $(id -u) == 0 ]] || fail "needs root"
  [[ -x /lib/systemd/systemd ]] || fail "systemd is not installed (Debian: apt-get install systemd)"
  mkdir -p "$1"; dir=$(realpath "$1"); shift
  [[ -z $(ls -A "$dir") ]] || fail "$dir is not empty"
  mkdir "$dir/root"
  group=$(group_of "$dir"); mkdir -p "$group"
  # Joined first, so that the new cgroup namespace has it as its root.
  (echo "$BASHPID" >"$group/cgroup.procs"
    exec setsid unshare --mount --uts --ipc --pid --cgroup --fork --propagation private \
      bash "$script" inside "$dir" "$dir/pid" "$@") </dev/null >"$dir/console" 2>&1 &
  for _ in $(seq 200); do
    [[ -s $dir/pid ]] && break
    kill -0 $! 2>/dev/null || { cat "$dir/console" >&2; fail "the host could not be set up"; }
    sleep 0.05
  done
  [[ -s $dir/pid ]] || fail "the host was not set up in 10 s"
  pid=$(cat "$dir/pid")
  echo "$pid $(cut -d ' ' -f 22 "/proc/$pid/stat")" >"$dir/first"
  for _ in $(seq 300); do
    state=$(enter "$dir" systemctl is-system-running 2>/dev/null || true)
    case $state in running | degraded) echo "$state"; return ;; esac
    first_process "$dir" >/dev/null || { cat "$dir/console" >&2; fail "PID 1 ended while it booted"; }
    sleep 0.1
  done
  fail "not up after 30 s (state: $state)"
}

push() { # push DIR SOURCE TARGET [MODE]
  local source=$2; [[ $source != - ]] || source=/dev/stdin
  # Renamed into place: whoever watches the folder sees the old file or the new one.
  enter "$1" sh -c 'mkdir -p "${1%/*}" && cat >"$1.part" && chmod "$2" "$1.part" && mv "$1.part" "$1"' \
    sh "$3" "${4:-644}" <"$source"
}

stop() { # stop DIR
  local dir=$1 pid group
  if pid=$(first_process "$dir"); then
    kill -s RTMIN+4 "$pid" # systemd's signal for poweroff.target
    for _ in $(seq 150); do first_process "$dir" >/dev/null || break; sleep 0.1; done
    if pid=$(first_process "$dir"); then kill -s KILL "$pid"; sleep 0.5; fi
  fi
  group=$(group_of "$dir")
  for _ in $(seq 50); do
    [[ -d $group ]] || break
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
  done
  ! grep -q " $dir/" /proc/self/mounts || fail "something is still mounted under $dir"
  rm -rf --one-file-system "$dir"
}

verb=${1:-}; shift || true
case $verb in
  start) [[ $# -ge 1 ]] || usage; start "$@" ;;
  exec) d=$(realpath "$1"); shift; enter "$d" "$@" ;;
  push) d=$(realpath "$1"); shift; push "$d" "$@" ;;
  stop) d=$(realpath "$1"); [[ -d $d/root ]] || fail "$d is none of ours"; stop "$d" ;;
  inside) inside "$@" ;;
  *) usage ;;
esac

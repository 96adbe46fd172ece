#!/usr/bin/env bash
# A real Apache Kafka on loopback for tests: KRaft, every node broker and controller at once, jars from Maven Central.
#
#   kafka.sh with [NODES] -- COMMAND...   start in a folder of its own, run COMMAND with NOCTRIAGE_TEST_BROKERS set,
#                                         stop and clean up, exit as COMMAND did
#   kafka.sh start DIR [NODES] [PORT]     NODES is 1 (default) or 3; without PORT, free ports are chosen.
#                                         Prints the bootstrap list
#   kafka.sh brokers DIR                  prints the bootstrap list again
#   kafka.sh kill DIR NODE                SIGKILL, as a lost machine; returns when it is gone
#   kafka.sh end DIR NODE                 SIGTERM, as an operator; returns when the node has ended, at most 60 s later
#   kafka.sh resume DIR NODE              starts a killed node on its data and port
#   kafka.sh freeze DIR NODE | thaw DIR NODE   SIGSTOP and SIGCONT, as a machine that hangs
#   kafka.sh stop DIR                     stops every node of DIR, leaves its files
#   kafka.sh clean DIR                    stops and removes DIR
#   kafka.sh fetch                        only fetches the jars
#   kafka.sh possible                     says, and exits 1, if Kafka cannot run here
#   kafka.sh topic BROKERS TOPIC PARTITIONS   creates it unless it is there
#   kafka.sh produce BROKERS TOPIC <LINES     one record per line, KEY<tab>VALUE
#   kafka.sh consume BROKERS TOPIC SECONDS    prints every committed value; ends when none came for SECONDS
#
# Needs Java 17 or newer, and Maven for the first run. NOCTRIAGE_KAFKA_VERSION and NOCTRIAGE_KAFKA_JARS choose the
# version and where its jars are kept; NOCTRIAGE_KAFKA_EXTRA adds lines to server.properties.
# NOCTRIAGE_KAFKA_BEHIND=PORT gives node 1 a second listener that tells its clients to come to 127.0.0.1:PORT, where a proxy
# of the test stands; the port that the proxy forwards to is written to DIR/behind.
#
# A process is only ever signalled when its command line names DIR: a process id alone may have been given to another
# process since.
set -euo pipefail

version=${NOCTRIAGE_KAFKA_VERSION:-4.3.1}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Another list of jars is another folder.
jars=${NOCTRIAGE_KAFKA_JARS:-${XDG_CACHE_HOME:-$HOME/.cache}/noctriage/kafka-$version-$(cksum <"$here/pom.xml" | cut -d ' ' -f 1)}

fail() { echo "kafka.sh: $*" >&2; exit 1; }

fetch() {
  [[ -e $jars/complete ]] && return
  possible
  echo "kafka.sh: fetching Kafka $version (54 MB, once)" >&2
  mkdir -p "$(dirname "$jars")"
  # Fetched beside its place and moved there whole: two first runs at once do not see each other's half.
  local part; part=$(mktemp -d "$jars.part.XXXXXX")
  mvn --batch-mode --quiet -Dstyle.color=never -f "$here/pom.xml" -Dkafka.version="$version" \
    dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$part" -Dmdep.useBaseVersion=true >&2 ||
    { rm -rf "$part"; fail "Maven could not fetch org.apache.kafka:kafka_2.13:$version: is Maven Central (or your mirror) reachable?"; }
  touch "$part/complete"
  mv -T "$part" "$jars" 2>/dev/null || rm -rf "$part"
}

possible() {
  command -v java >/dev/null || fail "java is not installed (Debian: apt-get install openjdk-17-jre-headless)"
  [[ -e $jars/complete ]] || command -v mvn >/dev/null ||
    fail "mvn is not installed, so Kafka $version cannot be fetched (Debian: apt-get install maven)"
}

node() { echo "$1/node-$2"; }
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() { # below the range that the system gives to outgoing connections
  local port
  for _ in $(seq 100); do
    port=$((20000 + RANDOM % 12000))
    listens "$port" || { echo "$port"; return; }
  done
  fail "no free port between 20000 and 32000"
}

running() { # prints the process id of a node, if that process is ours
  local pid; pid=$(cat "$(node "$1" "$2")/pid" 2>/dev/null) || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$(node "$1" "$2")/server.properties" && echo "$pid"
}

signal() { # signal DIR NODE NAME
  local pid; pid=$(running "$1" "$2") || fail "node $2 of $1 is not running"
  kill -s "$3" "$pid"
}

write_properties() { # write_properties DIR NODE NODES PORT CONTROLLER_PORT VOTERS
  local copies=1 in_sync=1 listens="" advertised="" behind
  if [[ -n ${NOCTRIAGE_KAFKA_BEHIND:-} && $2 == 1 ]]; then
    behind=$(free_port); echo "$behind" >"$1/behind"
    listens=,BEHIND://127.0.0.1:$behind advertised=,BEHIND://127.0.0.1:$NOCTRIAGE_KAFKA_BEHIND
  fi
  if (($3 >= 3)); then copies=3 in_sync=2; fi
  cat >"$(node "$1" "$2")/server.properties" <<PROPERTIES
node.id=$2
process.roles=broker,controller
controller.quorum.voters=$6
controller.listener.names=QUORUM
inter.broker.listener.name=TESTS
listener.security.protocol.map=TESTS:PLAINTEXT,BEHIND:PLAINTEXT,QUORUM:PLAINTEXT
listeners=TESTS://127.0.0.1:$4$listens,QUORUM://127.0.0.1:$5
advertised.listeners=TESTS://127.0.0.1:$4$advertised
log.dirs=$(node "$1" "$2")/log
# A topic that a test forgot to create must fail there, as it would in production.
auto.create.topics.enable=false
num.partitions=3
default.replication.factor=$copies
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$copies
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$in_sync
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=$copies
share.coordinator.state.topic.min.isr=$in_sync
# Tests kill clients and nodes all the time; nobody wants to wait for production's patience.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
log.segment.bytes=16777216
log.cleaner.min.compaction.lag.ms=0
${NOCTRIAGE_KAFKA_EXTRA:-}
PROPERTIES
}

launch() { # launch DIR NODE
  local place; place=$(node "$1" "$2")
  java -Xms128m -Xmx512m -XX:+UseSerialGC -XX:ActiveProcessorCount=2 \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true \
    -cp "$jars/*" kafka.Kafka "$place/server.properties" >>"$place/output" 2>&1 </dev/null &
  echo $! >"$place/pid"
}

await() { # await DIR NODE
  local place port; place=$(node "$1" "$2"); port=$(cat "$place/port")
  for _ in $(seq 300); do
    listens "$port" && return
    # By its number: on a busy machine it is a while before the process has become Java, and has our command line.
    kill -0 "$(cat "$place/pid")" 2>/dev/null || { tail -n 20 "$place/output" >&2; fail "node $2 ended while it started"; }
    sleep 0.2
  done
  tail -n 20 "$place/output" >&2
  fail "node $2 has not opened port $port in 60 s"
}

start() { # start DIR [NODES] [PORT]
  local dir nodes=${2:-1} port=${3:-} n id voters="" list="" ports=() quorum=()
  [[ $nodes == 1 || $nodes == 3 ]] || fail "NODES is 1 or 3, not $nodes"
  possible
  fetch
  [[ ! -e $1 || -e $1/of-kafka-sh ]] || fail "$1 exists and is none of ours: give a folder that does not exist"
  if [[ -e $1 ]]; then clean "$1"; fi
  mkdir -p "$1"; dir=$(realpath "$1"); touch "$dir/of-kafka-sh"
  for ((n = 1; n <= nodes; n++)); do
    ports[n]=${port:+$((port + n - 1))}; ports[n]=${ports[n]:-$(free_port)}
    quorum[n]=$(free_port)
    voters+=${voters:+,}$n@127.0.0.1:${quorum[n]}
    list+=${list:+,}127.0.0.1:${ports[n]}
  done
  id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
  # An id must not begin with a dash, or the formatter takes it for an option.
  id=A${id:1}
  for ((n = 1; n <= nodes; n++)); do
    mkdir -p "$(node "$dir" "$n")"
    echo "${ports[n]}" >"$(node "$dir" "$n")/port"
    write_properties "$dir" "$n" "$nodes" "${ports[n]}" "${quorum[n]}" "$voters"
    java -Xmx256m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$jars/*" kafka.tools.StorageTool format \
      --cluster-id "$id" --config "$(node "$dir" "$n")/server.properties" >"$(node "$dir" "$n")/output" 2>&1 ||
      { cat "$(node "$dir" "$n")/output" >&2; fail "node $n: the storage could not be formatted"; }
    launch "$dir" "$n"
  done
  for ((n = 1; n <= nodes; n++)); do await "$dir" "$n"; done
  echo "$list" | tee "$dir/brokers"
}

nodes_of() { local place; for place in "$1"/node-*; do [[ -e $place ]] && echo "${place##*-}"; done; }

signal_all() { # signal_all DIR NAME: every node that runs
  local n pid
  for n in $(nodes_of "$1"); do
    if pid=$(running "$1" "$n"); then kill -s CONT "$pid"; kill -s "$2" "$pid"; fi
  done
}

gone() { # gone DIR NODE SIGNAL: waits for the end that the signal brings; until then it has its port and its folder
  local port; port=$(cat "$(node "$1" "$2")/port")
  for _ in $(seq 600); do
    running "$1" "$2" >/dev/null || listens "$port" || return 0
    sleep 0.1
  done
  fail "node $2 of $1 has not ended within 60 s of $3"
}

end() { # end DIR NODE
  signal "$1" "$2" TERM
  gone "$1" "$2" SIGTERM
}

stop() { # politely for ten seconds; the last of three has no quorum to say goodbye to, and would wait for ever
  local n
  signal_all "$1" TERM
  for _ in $(seq 50); do
    for n in $(nodes_of "$1"); do running "$1" "$n" >/dev/null && break; done || return 0
    sleep 0.2
  done
  signal_all "$1" KILL
}

clean() {
  [[ -e $1/of-kafka-sh ]] || fail "$1 is none of ours"
  signal_all "$1" KILL
  rm -rf --one-file-system "$1"
}

with() { # with [NODES] -- COMMAND...
  local nodes=1 dir status=0 brokers
  if [[ ${1:-} != -- ]]; then nodes=${1:-}; shift; fi
  [[ ${1:-} == -- && $# -ge 2 ]] || usage
  shift
  dir=$(mktemp -d "${TMPDIR:-/tmp}/noctriage-kafka.XXXXXX"); touch "$dir/of-kafka-sh"
  # shellcheck disable=SC2064 # the folder of now is meant
  trap "clean '$dir'" EXIT
  brokers=$(start "$dir" "$nodes")
  NOCTRIAGE_TEST_BROKERS=$brokers "$@" || status=$?
  exit "$status"
}

tool() { # tool CLASS ARGUMENTS...: one of Kafka's command-line tools
  fetch
  java -Xmx256m -Dorg.slf4j.simpleLogger.defaultLogLevel=off -cp "$jars/*" "org.apache.kafka.tools.$1" \
    --bootstrap-server "${@:2}"
}

topic() { tool TopicCommand "$1" --create --if-not-exists --topic "$2" --partitions "$3"; }
produce() { tool ConsoleProducer "$1" --topic "$2" --reader-property parse.key=true; }
consume() { # ends with an error when the time is up, which is how it always ends
  tool consumer.ConsoleConsumer "$1" --topic "$2" --from-beginning --isolation-level read_committed --timeout-ms "${3}000" \
    2>/dev/null || true
}

usage() { sed -n '2,/^set -/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

dir() { # the folder as an absolute path, which the command lines of its nodes hold
  [[ -n ${1:-} ]] || usage
  realpath -e "$1" 2>/dev/null || fail "$1 does not exist"
}

verb=${1:-}; shift || true
case $verb in
  with) with "$@" ;;
  start) [[ -n ${1:-} ]] || usage; start "$@" ;;
  brokers) cat "$(dir "${1:-}")/brokers" ;;
  kill) d=$(dir "${1:-}"); signal "$d" "${2:-1}" KILL; gone "$d" "${2:-1}" SIGKILL ;;
  end) d=$(dir "${1:-}"); end "$d" "${2:-1}" ;;
  freeze) signal "$(dir "${1:-}")" "${2:-1}" STOP ;;
  thaw) signal "$(dir "${1:-}")" "${2:-1}" CONT ;;
  resume) d=$(dir "${1:-}"); launch "$d" "${2:-1}"; await "$d" "${2:-1}" ;;
  stop) d=$(dir "${1:-}"); stop "$d" ;;
  clean) d=$(dir "${1:-}"); clean "$d" ;;
  fetch) fetch ;;
  possible) possible ;;
  topic) topic "${1:?BROKERS}" "${2:?TOPIC}" "${3:?PARTITIONS}" ;;
  produce) produce "${1:?BROKERS}" "${2:?TOPIC}" ;;
  consume) consume "${1:?BROKERS}" "${2:?TOPIC}" "${3:?SECONDS}" ;;
  *) usage ;;
esac

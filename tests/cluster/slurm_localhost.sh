#!/usr/bin/env bash
# A real SLURM on one host, without systemd: munged + slurmctld + N virtual
# slurmd nodes with fake GPUs (+ optional slurmdbd on mariadb, for sacct).
#
#   slurm_localhost.sh install   apt-get the Debian packages (idempotent)
#   slurm_localhost.sh start     install if needed, write the config, start, wait until all nodes are idle
#   slurm_localhost.sh stop      end only the daemons this script started (by recorded pid)
#   slurm_localhost.sh status    sinfo and the daemons' pids
#   slurm_localhost.sh purge     stop, then forget queue, accounting and config (packages stay)
#   slurm_localhost.sh kill-node NAME   kill -9 one slurmd and its job steps: what a crashed node looks like
#   slurm_localhost.sh start-node NAME  bring it back
#
# Env: SLURM_LOCAL_NODES=2  SLURM_LOCAL_CPUS=4  SLURM_LOCAL_GPUS=2 (per node)
#      SLURM_LOCAL_MEM=8000 (MB per node, may exceed what the host has per node)
#      SLURM_LOCAL_SACCT=0|1 (1: slurmdbd + mariadb so that sacct answers)
# Needs root. slurmctld and slurmd listen on 127.0.0.1 only (slurmdbd has no such setting).
# It writes slurm.conf, gres.conf and slurmdbd.conf in the system's slurm folder, and refuses where a slurm.conf stands
# that it did not write: a real cluster's node stays as it is.
# The words of the site that profiles/slurm speaks (features cpu and gpu, qos, account) exist here, too.
set -euo pipefail

NODES=${SLURM_LOCAL_NODES:-2}
CPUS=${SLURM_LOCAL_CPUS:-4}
GPUS=${SLURM_LOCAL_GPUS:-2}
MEM=${SLURM_LOCAL_MEM:-8000}
SACCT=${SLURM_LOCAL_SACCT:-0}
BASE=${SLURM_LOCAL_DIR:-/var/tmp/slurm-localhost}
CONF=/etc/slurm
HOST=$(hostname -s)
MARK="# written by slurm_localhost.sh"
QOS="regular shared debug preempt"
ACCOUNT=lab
CTLD_PORT=16817 DBD_PORT=16819 NODE_PORT0=16820

log() { echo "[slurm_localhost] $*" >&2; }
die() { log "ERROR: $*"; exit 1; }
[ "$(id -u)" = 0 ] || die "run as root"
node_names() { local i; for i in $(seq 1 "$NODES"); do echo "node$i"; done; }

alive() { # alive NAME COMM -> 0 when the recorded pid still is that program
  local f=$BASE/run/$1.pid pid
  [ -s "$f" ] || return 1
  pid=$(cat "$f"); [ -d "/proc/$pid" ] && grep -q "^$2" "/proc/$pid/comm"
}
wait_for() { # wait_for SECONDS WHAT CMD...
  local end=$((SECONDS + $1)) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { log "timed out waiting for $what"; return 1; }
    sleep 0.2
  done
}

cmd_install() {
  local pkgs=(munge slurmctld slurmd slurm-client iproute2) need=() p
  [ "$SACCT" = 1 ] && pkgs+=(slurmdbd mariadb-server)
  for p in "${pkgs[@]}"; do
    dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || need+=("$p")
  done
  if [ ${#need[@]} -gt 0 ]; then
    log "installing ${need[*]}"
    mkdir -p "$BASE"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install -y --no-install-recommends "${need[@]}"; } \
      >"$BASE/apt.log" 2>&1 || { tail -20 "$BASE/apt.log" >&2; die "apt-get failed"; }
  fi
}

own_conf() { # a configuration that somebody else wrote is not touched
  [ ! -e "$CONF/slurm.conf" ] || grep -qxF "$MARK" "$CONF/slurm.conf" || die "$CONF/slurm.conf was not written by this script: is this a node of a cluster?"
}

write_conf() {
  own_conf
  mkdir -p "$BASE"/{run,log,ctld,dev} "$CONF"
  local i n
  # one fake device file per GPU: gres.conf needs distinct files to hand out indices
  : >"$CONF/gres.conf.new"
  i=0
  for n in $(node_names); do
    local g
    if [ "$GPUS" -gt 0 ]; then
      for g in $(seq 0 $((GPUS - 1))); do
        [ -e "$BASE/dev/$n-gpu$g" ] || mknod "$BASE/dev/$n-gpu$g" c 1 3
        echo "NodeName=$n Name=gpu Type=fake File=$BASE/dev/$n-gpu$g" >>"$CONF/gres.conf.new"
      done
    fi
  done
  {
    echo "$MARK"
    cat <<CONF_END
ClusterName=localhost
SlurmctldHost=$HOST(127.0.0.1)
SlurmctldPort=$CTLD_PORT
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# cred_expire also is how long a requeued job must wait (default 120 s)
AuthInfo=cred_expire=15
CredType=cred/munge
# loopback only
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$BASE/ctld
SlurmdSpoolDir=$BASE/spool.%n
SlurmctldPidFile=$BASE/run/slurmctld.pid
SlurmdPidFile=$BASE/run/slurmd.%n.pid
SlurmctldLogFile=$BASE/log/slurmctld.log
SlurmdLogFile=$BASE/log/slurmd.%n.log
# no cgroups: works in containers and VMs without systemd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
# without cgroups, a job over its --mem is killed by this sampling instead
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# virtual nodes may claim more cores and memory than the host has
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,sched_min_interval=0,bf_interval=2,batch_sched_delay=0
GresTypes=gpu
MpiDefault=pmi2
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=10
InactiveLimit=0
KillWait=2
MinJobAge=300
MaxArraySize=1001
JobRequeue=1
UnkillableStepTimeout=20
PropagateResourceLimits=NONE
CONF_END
    if [ "$SACCT" = 1 ]; then
      cat <<CONF_END
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$DBD_PORT
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations,qos
AccountingStoreFlags=job_comment
CONF_END
    else
      echo "AccountingStorageType=accounting_storage/none"
    fi
    i=0
    local gres=""
    [ "$GPUS" -gt 0 ] && gres=" Gres=gpu:fake:$GPUS"
    for n in $(node_names); do
      i=$((i + 1))
      echo "NodeName=$n NodeHostname=$HOST NodeAddr=127.0.0.1 Port=$((NODE_PORT0 + i)) CPUs=$CPUS RealMemory=$MEM Feature=cpu,gpu$gres State=UNKNOWN"
    done
    local all; all=$(node_names | paste -sd, -)
    echo "PartitionName=cpu Nodes=$all Default=YES MaxTime=1440 DefaultTime=10 State=UP"
    echo "PartitionName=gpu Nodes=$all MaxTime=1440 DefaultTime=10 State=UP"
  } >"$CONF/slurm.conf.new"
  mv "$CONF/gres.conf.new" "$CONF/gres.conf"
  mv "$CONF/slurm.conf.new" "$CONF/slurm.conf"
  if [ "$SACCT" = 1 ]; then
    umask 077
    cat >"$CONF/slurmdbd.conf" <<CONF_END
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$DBD_PORT
SlurmUser=root
AuthType=auth/munge
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm_acct_db
PidFile=$BASE/run/slurmdbd.pid
LogFile=$BASE/log/slurmdbd.log
CONF_END
    umask 022
  fi
}

munge_ok() { munge -n 2>/dev/null | unmunge >/dev/null 2>&1; }

start_munge() {
  munge_ok && return   # ours, or one that the system already runs
  [ -s /etc/munge/munge.key ] || {
    install -d -o munge -g munge -m 0700 /etc/munge
    (umask 077; head -c 128 /dev/urandom >/etc/munge/munge.key); chown munge:munge /etc/munge/munge.key; }
  install -d -o munge -g munge -m 0755 /run/munge
  install -d -o munge -g munge -m 0700 "$BASE/munge"
  # --force: the log folder's parent may be group- or world-writable (a /tmp)
  runuser -u munge -- /usr/sbin/munged --force --log-file="$BASE/munge/munged.log" \
    --seed-file="$BASE/munge/munged.seed" --pid-file=/run/munge/munged.pid </dev/null >>"$BASE/log/munged.start.log" 2>&1
  ln -sfn /run/munge/munged.pid "$BASE/run/munged.pid"
  wait_for 10 munged munge_ok
}

start_db() {
  if ! alive mariadbd mariadbd; then
    install -d -o mysql -g mysql -m 0755 "$BASE/mariadb" /run/mysqld
    [ -d "$BASE/mariadb/mysql" ] || mariadb-install-db --no-defaults --user=mysql --datadir="$BASE/mariadb" \
        --auth-root-authentication-method=socket --skip-test-db >"$BASE/log/mariadb-install.log" 2>&1
    setsid /usr/sbin/mariadbd --no-defaults --user=mysql --datadir="$BASE/mariadb" --skip-networking \
        --socket=/run/mysqld/mysqld.sock --pid-file="$BASE/mariadb/mariadbd.pid" \
        --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 \
        >"$BASE/log/mariadbd.log" 2>&1 </dev/null &

    ln -sfn ../mariadb/mariadbd.pid "$BASE/run/mariadbd.pid"
    wait_for 30 mariadbd mariadb --no-defaults --socket=/run/mysqld/mysqld.sock -e 'select 1'
  fi
  if ! alive slurmdbd slurmdbd; then
    /usr/sbin/slurmdbd </dev/null >>"$BASE/log/slurmdbd.start.log" 2>&1
    wait_for 60 slurmdbd sacctmgr -n list cluster
  fi
  [ -n "$(sacctmgr -nP list cluster localhost format=cluster)" ] || sacctmgr -i add cluster localhost >/dev/null
  local q
  for q in $QOS; do
    [ -n "$(sacctmgr -nP list qos "$q" format=name)" ] || sacctmgr -i add qos "$q" >/dev/null
  done
  [ -n "$(sacctmgr -nP list account $ACCOUNT format=account)" ] ||
    sacctmgr -i add account $ACCOUNT Cluster=localhost qos="${QOS// /,}" >/dev/null
  [ -n "$(sacctmgr -nP list assoc user=root account=$ACCOUNT format=user)" ] ||
    sacctmgr -i add user root Account=$ACCOUNT qos="${QOS// /,}" >/dev/null || true
}

start_node() {
  local n=$1
  alive "slurmd.$n" slurmd && return
  mkdir -p "$BASE/spool.$n"
  /usr/sbin/slurmd -N "$n" </dev/null >>"$BASE/log/slurmd.$n.start.log" 2>&1
}

nodes_up() { [ "$(sinfo -hN -p cpu -t idle,alloc,mix -o %N | sort -u | wc -l)" = "$NODES" ]; }

cmd_start() {
  cmd_install
  if alive slurmctld slurmctld && nodes_up; then log "already running"; sinfo; return; fi
  write_conf
  start_munge
  if [ "$SACCT" = 1 ]; then start_db; fi
  if ! alive slurmctld slurmctld; then
    /usr/sbin/slurmctld </dev/null >>"$BASE/log/slurmctld.start.log" 2>&1
  fi
  wait_for 20 slurmctld scontrol ping
  local n; for n in $(node_names); do start_node "$n"; done
  # a node that an earlier run left DOWN comes back by itself (ReturnToService=2)
  wait_for 30 "all nodes" nodes_up || { tail -5 "$BASE"/log/*.log >&2; sinfo -R >&2; die "nodes are not up"; }
  sinfo
}

end_pid() { # end_pid NAME COMM
  local f=$BASE/run/$1.pid pid i
  if alive "$1" "$2"; then
    pid=$(cat "$f"); kill -TERM "$pid" 2>/dev/null || true
    for i in $(seq 100); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
    if [ -d "/proc/$pid" ]; then kill -KILL "$pid" 2>/dev/null || true; fi
  fi
  [ -L "$f" ] || rm -f "$f"
}

cmd_stop() {
  local f n
  if alive slurmctld slurmctld; then
    # end what still runs, so that no slurmstepd outlives its slurmd
    if [ -n "$(timeout 10 squeue -h -o %i 2>/dev/null)" ]; then
      timeout 20 scancel -u "$(id -un)" 2>/dev/null || true
      wait_for 15 "running jobs to end" sh -c '[ -z "$(squeue -h -t running,completing -o %i)" ]' || true
    fi
  fi
  for f in "$BASE"/run/slurmd.*.pid; do
    [ -e "$f" ] || continue
    n=$(basename "$f" .pid); end_pid "$n" slurmd
  done
  end_pid slurmctld slurmctld
  end_pid slurmdbd slurmdbd
  end_pid mariadbd mariadbd
  end_pid munged munged
  log "stopped"
}

cmd_purge() {
  own_conf
  cmd_stop
  rm -rf "$BASE"
  rm -f "$CONF/slurm.conf" "$CONF/gres.conf" "$CONF/slurmdbd.conf"
}

cmd_kill_node() {
  local n=$1 pid kids k
  alive "slurmd.$n" slurmd || die "$n is not running"
  pid=$(cat "$BASE/run/slurmd.$n.pid")
  kill -KILL "$pid"
  # its step daemons, known by the sockets they listen on in that node's spool
  # folder, and everything below them
  kids=$(ss -xlpH | grep -F "$BASE/spool.$n/" | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u || true)
  for k in $kids; do
    grep -q '^slurmstepd' "/proc/$k/comm" 2>/dev/null || continue
    local p all="$k" level="$k" next
    while [ -n "$level" ]; do
      next=""
      for p in $level; do next="$next $(cat /proc/"$p"/task/*/children 2>/dev/null || true)"; done
      level=$(echo $next); all="$all $level"
    done
    kill -KILL $all 2>/dev/null || true
  done
  rm -f "$BASE/run/slurmd.$n.pid"
}

cmd_status() {
  local c
  for c in munged mariadbd slurmdbd slurmctld; do
    alive $c $c && echo "$c $(cat "$BASE/run/$c.pid")" || true
  done
  for c in $(node_names); do
    alive "slurmd.$c" slurmd && echo "slurmd.$c $(cat "$BASE/run/slurmd.$c.pid")" || echo "slurmd.$c down"
  done
  timeout 10 sinfo -N -o '%N %T %c %m %G' || true
}

case "${1:-}" in
  install) cmd_install ;;
  start) cmd_start ;;
  stop) cmd_stop ;;
  purge) cmd_purge ;;
  status) cmd_status ;;
  kill-node) cmd_kill_node "${2:?node}" ;;
  start-node) start_node "${2:?node}" ;;
  *) sed -n '2,21p' "$0"; exit 2 ;;
esac

#!/bin/sh
# Turns the command line that the Locust operator makes into one of the harness, and becomes it.
#
#   sh deploy/locust-operator/start.sh WORDS OF THE RESOURCE --master --master-port=5557 --expect-workers=2 ...
#   sh deploy/locust-operator/start.sh WORDS OF THE RESOURCE --worker --master-port=5557 --master-host=harness-master
#
# What only plain Locust knows (when to begin and to quit, how to share users) is left out: a planned run decides that
# by its plan. Every other word is handed on, so that one that the harness does not know is refused by it.
set -eu
role="" host="" port="" workers="" left=$#
while [ "$left" -gt 0 ]; do
    word=$1
    shift
    left=$((left - 1))
    case $word in
        --master | --worker) role=${word#--} ;;
        --master-host=*) host=${word#*=} ;;
        --master-port=*) port=${word#*=} ;;
        --expect-workers=*) workers=${word#*=} ;;
        --autostart | --enable-rebalancing | --only-summary) ;;
        --autoquit)
            if [ "$left" -gt 0 ]; then shift && left=$((left - 1)); fi
            ;;
        *) set -- "$@" "$word" ;;
    esac
done
case $role in
    master) exec harness run --bind 0.0.0.0 "$@" --master "${port:?}" --expect-workers "${workers:?}" ;;
    worker) exec harness run "$@" --worker "${host:?}:${port:?}" ;;
esac
echo "start.sh: neither --master nor --worker: this is not a command line of the Locust operator" >&2
exit 2

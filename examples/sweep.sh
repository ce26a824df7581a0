#!/bin/sh
# The same small grid search with nothing but curl and the usual Unix tools.
#
#   examples/sweep.sh            against KANTOR_URL, or http://127.0.0.1:8420; KANTOR_API_KEY when keys are in use
#   STEPS=300 examples/sweep.sh
#
# Ranked by the median of the last Wasserstein estimates, smallest first. They compare only between jobs
# with the same critic, clip and schedule, so the grid is over what the generator has.
set -eu
url=${KANTOR_URL:-http://127.0.0.1:8420}
steps=${STEPS:-150}
rates='5e-5 2e-4'
filters='8 16'

api() {
  path=$1
  shift
  # The key goes through a file descriptor: arguments are seen by every user of the machine.
  printf '%s\n' "${KANTOR_API_KEY:+header = \"Authorization: Bearer $KANTOR_API_KEY\"}" |
    curl -sS --fail-with-body --config - -H 'Content-Type: application/json' "$@" "$url$path"
}
# Enough for these replies; a script that needs more should use a JSON parser.
first_id() { grep -o '"id":"[0-9a-f-]*"' | head -n 1 | cut -d '"' -f 4; }

trials=$(mktemp)
trap 'rm -f "$trials"' EXIT
for rate in $rates; do
  for filter in $filters; do
    body=$(printf '{"name":"sweep %s / %s","tags":{"sweep":"grid"},"spec":{"dataset":"mnist","seed":1,
      "model":{"imageSize":16,"latentSize":32,"generatorFilters":%s,"criticFilters":8},
      "optimizer":{"kind":"rmsprop","generatorLearningRate":%s},
      "schedule":{"warmup":{"generatorSteps":10,"criticSteps":20},"every":{"generatorSteps":0}},
      "budget":{"generatorSteps":%s},"sampling":{"every":%s,"count":16}}}' \
      "$rate" "$filter" "$filter" "$rate" "$steps" "$steps")
    reply=$(api /jobs --data "$body") || { echo "$reply" >&2; exit 1; }
    id=$(echo "$reply" | first_id)
    echo "$id  rate $rate, $filter filters" >&2
    echo "$id $rate $filter" >>"$trials"
  done
done

while read -r id rate filter; do
  while :; do
    state=$(api "/jobs/$id" | grep -o '"state":"[a-z]*"' | head -n 1 | cut -d '"' -f 4)
    case $state in succeeded | failed | cancelled | stopped) break ;; esac
    sleep 1
  done
  median=$(api "/jobs/$id/curve?metrics=w_estimate&maxPoints=5000" |
    grep -o '"mean":\[[^]]*\]' | head -n 1 | tr -d '"a-z:[]' | tr ',' '\n' | grep . | tail -n 50 | sort -g |
    awk '{ value[NR] = $1 } END { if (NR) print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2; else print "inf" }')
  # A job that did not succeed has no rank, however good its curve looked.
  [ "$state" = succeeded ] || median=inf
  echo "$median $rate $filter $state $id"
done <"$trials" | sort -g | awk '
  BEGIN { printf "%-4s  %-12s  %-8s  %-8s  %-10s  %s\n", "rank", "w_estimate", "rate", "filters", "state", "id" }
  { printf "%-4d  %-12s  %-8s  %-8s  %-10s  %s\n", NR, $1, $2, $3, $4, $5; if ($4 != "succeeded") bad = 1 }
  END { exit bad }'

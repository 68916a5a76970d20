#!/bin/sh
# Kills a process of a mission at a random moment, 20 times each: an asset, the planner, the simulator, and the supervisor
# by Ctrl-C and by force. Prints one line a trial; ends with an error if anything that must hold does not.
set -eu
cd "$(dirname "$0")/.."
COSMOSMESH_KILL_TRIALS="${1:-20}" exec cargo test --release -p mesh-cli --test processes -- --nocapture

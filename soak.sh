#!/bin/bash
# Unmodified ristsender and ristreceiver on our library, 20 Mbit/s at 5 % loss, for so many seconds (120): memory, descriptors
# and threads have to stay as they are, and every payload has to come out once. Prints a table and where the samples are.
# SOAK_MODES="simple main aes" chooses sessions.
set -euo pipefail
cd "$(dirname "$0")"
SOAK_SECONDS=${1:-120} cargo test --profile checked --test soak -- --include-ignored --nocapture --test-threads=1

"""Runs the load on Debian's library and on ours by turns, and prints tables. benches/whole.sh starts it."""

import os
import socket
import statistics
import subprocess
import sys

EXTENT, WORK = sys.argv[1:]
FULL = EXTENT == "full"
REPEATS = 5 if FULL else 2
SECONDS = "3" if FULL else "1"
RATES = [20, 100, 400] if FULL else [20, 400]
SIMPLE, MAIN = [], ["--profile", "main"]
STREAMS = {
    "Simple": SIMPLE,
    "Main": MAIN,
    "Main AES-128": [*MAIN, "--aes", "128"],
    "Main AES-256": [*MAIN, "--aes", "256"],
}
LIBRARIES = ["debian", "ours"]
FIRST_SEARCHED, LAST_SEARCHED, BISECTIONS = 100, 12800, 3

trouble = {}


def free_port():
    """An even port; that and the next are free."""
    for port in range(20000, 32000, 2):
        try:
            for each in (port, port + 1):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
                    trial.bind(("127.0.0.1", each))
            return port
        except OSError:
            continue
    sys.exit("no free port")


def run(library, mode, *options):
    """What each side has printed, as numbers."""
    directory = os.path.join(WORK, library)
    command = [os.path.join(WORK, "load"), mode, "--port", str(free_port()), *map(str, options)]
    done = subprocess.run(command, env={**os.environ, "LD_LIBRARY_PATH": directory}, stdout=subprocess.PIPE, text=True)
    sides = {}
    for line in done.stdout.splitlines():
        side, *pairs = line.split()
        values = dict(pair.split("=", 1) for pair in pairs)
        loaded = values.pop("library")
        if loaded != os.path.realpath(os.path.join(directory, "librist.so.4")):
            sys.exit(f"{library}: runs on {loaded}")
        sides[side] = {key: float(value) for key, value in values.items()}
    if not sides:
        sys.exit(f"{library}: {' '.join(command)} failed")
    if "send" in sides and "receive" in sides:
        # Also of flows whose end never came.
        sides["receive"]["lost"] = sides["send"]["packets"] - sides["receive"]["packets"]
    sides["exit"] = {"status": done.returncode}
    return sides


def is_whole(sides, rate):
    """Nothing is lost, and as much was sent as was to be."""
    send, receive = sides.get("send"), sides.get("receive")
    if not send or not receive or sides["exit"]["status"] != 0:
        return False
    return receive["lost"] == 0 and send["refused"] == 0 and send["mbit"] >= 0.95 * rate


def by_turns(name, rate, *options, libraries=LIBRARIES):
    """The results of each library: A B A B."""
    results = {library: [] for library in libraries}
    for _ in range(REPEATS):
        for library in libraries:
            sides = run(library, "both", "--seconds", SECONDS, "--rate", rate, *options)
            if "--idle" not in options and not is_whole(sides, options_rate(rate, options)):
                trouble[name, rate, library] = trouble.get((name, rate, library), 0) + 1
                if not sides.get("receive", {}).get("packets"):
                    sides = {}
            results[library].append(sides)
    return results


def options_rate(rate, options):
    return rate * (options[options.index("--flows") + 1] if "--flows" in options else 1)


def values(results, library, side, key):
    """One of each run; none of a run that is of no use."""
    return [sides.get(side, {}).get(key) for sides in results.get(library, [])]


def middle(results, library, side, key, digits=1, scale=1.0):
    numbers = [number for number in values(results, library, side, key) if number is not None]
    return f"{statistics.median(numbers) / scale:,.{digits}f}" if numbers else "–"


def ratio(results, side, key):
    """The middle one of the ratios of neighbours."""
    pairs = zip(values(results, "debian", side, key), values(results, "ours", side, key))
    ratios = [ours / debian for debian, ours in pairs if debian and ours is not None]
    return f"{statistics.median(ratios):.2f}" if ratios else "–"


def both(results, side, key, digits=1, scale=1.0):
    return [middle(results, library, side, key, digits, scale) for library in LIBRARIES]


def table(title, columns, rows):
    print(f"\n### {title}\n\n| {' | '.join(columns)} |\n|---|{'---:|' * (len(columns) - 1)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def pair(name):
    return [f"{name} Debian", f"{name} ours"]


COST = [*pair("CPU %"), "ratio", *pair("switches/s"), *pair("RSS MiB"), *pair("threads")]


def cost(results, side, compared="cpu_s_per_gb"):
    return [*both(results, side, "cpu", 2), ratio(results, side, compared), *both(results, side, "switches", 0),
            *both(results, side, "rss_kib", 1, 1024), *both(results, side, "threads", 0)]


def streams():
    """Processor time at each rate; what it needed besides; and the times of the same runs."""
    costs, times = [], []
    for rate in [2, *RATES]:
        plain = by_turns("plain UDP", rate, "--plain", libraries=["ours"]) if rate > 2 else {}
        batch = ["Main AES-256, batches"] if rate == 400 else []
        for name in [*STREAMS, *batch] if rate > 2 or FULL else ["Simple"]:
            options = [*STREAMS[name.split(",")[0]], *(["--batch", 32] if "," in name else [])]
            results = by_turns(name, rate, *options, libraries=["ours"] if "," in name else LIBRARIES)
            if rate > 2:
                for side in ["send", "receive"]:
                    costs.append([name, rate, side, middle(plain, "ours", side, "cpu", 2), *cost(results, side),
                                  *both(results, side, "cpu_s_per_gb", 2)])
            if rate <= 20 or "," in name or name == "Simple":
                times.append([name, rate, *both(results, "send", "write_p50_us"), *both(results, "send", "write_p99_us"),
                              *both(results, "receive", "late_p50_us", 0), *both(results, "receive", "late_p99_us", 0)])
    table("Streams", ["stream", "Mbit/s", "side", "CPU % plain UDP", *COST, *pair("CPU s/GB")], costs)
    table("Times, µs", ["stream", "Mbit/s", *pair("write p50"), *pair("write p99"), *pair("late p50"), *pair("late p99")], times)


def idle_and_flows():
    rows = []
    for name, options in [("Simple", SIMPLE), ("Main", MAIN)] if FULL else [("Simple", SIMPLE)]:
        results = by_turns(name, 20, "--idle", *options)
        rows += [[f"idle, {name}", side, *cost(results, side, "cpu"), "–", "–"] for side in ["send", "receive"]]
    results = by_turns("200 flows", 2, "--flows", 200, *MAIN)
    rows += [["200 flows of 2 Mbit/s, Main", side, *cost(results, side),
              *(both(results, "receive", "lost", 0) if side == "receive" else "––")] for side in ["send", "receive"]]
    table("Idle, and many flows", ["", "side", *COST, *pair("lost")], rows)


def churn():
    results = {library: [] for library in LIBRARIES}
    for _ in range(REPEATS):
        for library in LIBRARIES:
            results[library].append(run(library, "churn", *MAIN))
    rows = [[side, *both(results, f"churn-{side}", "round_p50_us", 0), ratio(results, f"churn-{side}", "round_p50_us"),
             *both(results, f"churn-{side}", "round_p99_us", 0), *both(results, f"churn-{side}", "cpu_us", 0)]
            for side in ["sender", "receiver"]]
    table("A context created, started and destroyed, µs",
          ["side", *pair("p50"), "ratio", *pair("p99"), *pair("CPU")], rows)


def highest(library, options):
    """Doubles the rate until packets are missing, then halves the interval."""
    def holds(rate):
        # One bad moment of the machine is forgiven.
        return any(is_whole(run(library, "both", "--seconds", 1, "--buffer", 100, "--rate", rate, *options), rate)
                   for _ in range(2))
    good, bad = 0, FIRST_SEARCHED
    while bad <= LAST_SEARCHED and holds(bad):
        good, bad = bad, bad * 2
    for _ in range(BISECTIONS if bad <= LAST_SEARCHED else 0):
        rate = (good + bad) // 2
        good, bad = (rate, bad) if holds(rate) else (good, rate)
    return good


def main():
    print(f"## benches/whole.sh {EXTENT}\n\nMedians of {REPEATS} runs of {SECONDS} s. {os.cpu_count()} processors.")
    for library in LIBRARIES:
        print(f"{library}: {os.path.realpath(os.path.join(WORK, library, 'librist.so.4'))}", flush=True)
    streams()
    idle_and_flows()
    churn()
    rows = [[name, *(highest(library, options) for library in LIBRARIES)]
            for name, options in STREAMS.items() if FULL or name == "Main AES-256"]
    table("Highest rate without loss, Mbit/s", ["stream", "Debian", "ours"], rows)
    if trouble:
        print("\nRuns that lost packets or did not reach their rate:\n")
    for (name, rate, library), runs in trouble.items():
        print(f"* {name}, {rate} Mbit/s, {library}: {runs} of {REPEATS}")


main()

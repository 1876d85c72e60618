"""`xnorloom serve` with the extra serve: starts it, prints the name of its model, and ends it."""

import json
import signal
import subprocess
import sys
import urllib.request

COMMAND = ["xnorloom", "serve", "toy.bnn", "--engine", "golden", "--port-number", "0", "--json"]

with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True) as process:
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            break
    url = json.loads("".join(lines))["url"]
    urllib.request.urlopen(url).close()
    with urllib.request.urlopen(f"{url}api/model") as response:
        sys.stdout.write(f"serves {json.load(response)['name']}\n")
    process.send_signal(signal.SIGTERM)

#!/usr/bin/env python3
"""expect_table.py PROGRAM: runs the Fashion-MNIST example on few images and checks its table."""

import json
import pathlib
import subprocess
import sys
import tempfile

ROWS = ["float", "W8A8 min-max", "W8A8 integers", "W4A8 min-max", "W4A8 mse_grid", "W4A4 mse_grid",
        "W2A4 mse_grid", "W4A4 trained", "W2A4 trained"]


def expect(condition, text):
    if not condition:
        sys.exit("expect_table: " + text)


def run(program, folder):
    table = folder / "table.json"
    subprocess.run([program, "--images", "6000", "--epochs", "2", "--quantized-epochs", "1",
                    "--cache", str(folder), "--json", str(table)], check=True)
    return {row["name"]: row["accuracy"] for row in json.loads(table.read_text())["rows"]}


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        first = run(sys.argv[1], folder)
        second = run(sys.argv[1], folder)
    expect(list(first) == ROWS, f"rows {list(first)}, expected {ROWS}")
    expect(first == second, f"the second run, from cached weights, differs: {first} {second}")
    expect(first["float"] > 70, f"float reaches only {first['float']}")
    expect(abs(first["W8A8 min-max"] - first["float"]) < 1, "8 bits cost more than a point")
    expect(abs(first["W8A8 integers"] - first["W8A8 min-max"]) <= 0.1,
           "integers are further from the simulation than 0.1 points")
    expect(first["W2A4 mse_grid"] < first["float"] - 5, "2 bits without training cost nothing")
    expect(first["W2A4 trained"] > first["float"] - 10, "training does not repair 2 bits")
    expect(first["W4A4 trained"] > first["float"] - 3, "training does not repair 4 bits")


main()

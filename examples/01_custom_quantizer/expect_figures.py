#!/usr/bin/env python3
"""Runs the example and checks its sentences and figures: expect_figures.py PROGRAM."""

import re
import subprocess
import sys

# Sentence, and the bounds that its figure lies in.
EXPECTED = [
    # Data in [0, 1), steps of 2^-8 and a greatest value of 255/256: half a step inside the grid, and
    # up to a whole step above 255/256. A million numbers come close to both.
    ("The maximum quantization error found on input data is", 2**-9, 2**-8),
    # The function subtracts the offset and adds the rounded one: half a step for each rounding. The
    # range of 32768 normal numbers is less than 12 wide, a step less than 12/255.
    ("The maximum quantization error found on input tensor is", 1e-3, 12 / 255),
    # Likewise, with 100 numbers, whose range is narrower.
    ("The maximum quantization error found on calibration data is", 1e-3, 10 / 255),
    # New numbers may lie outside of the range.
    ("The maximum quantization error found on new data is", 1e-3, 4),
    ("The mean squared error with 3 bits and the data's range is", 1e-3, 1),
    ("The mean squared error with 3 bits and the best range of a grid is", 1e-3, 1),
    # float64, sums of 4096 terms.
    ("The joint backward and autograd differ in the gradient of data by", 0, 1e-12),
    ("The joint backward and autograd differ in the gradient of scale by", 0, 1e-9),
    ("The joint backward and autograd differ in the gradient of offset by", 0, 1e-9),
]


def main():
    output = subprocess.run(sys.argv[1:], capture_output=True, check=True, text=True).stdout
    print(output)
    figures = {}
    for sentence, low, high in EXPECTED:
        match = re.search(f"^{re.escape(sentence)}: (\\S+)$", output, re.M)
        if match is None:
            sys.exit(f"missing: {sentence}")
        figures[sentence] = float(match.group(1))
        if not low <= figures[sentence] <= high:
            sys.exit(f"{sentence}: {figures[sentence]}, expected {low} to {high}")
    if not figures[EXPECTED[5][0]] < figures[EXPECTED[4][0]]:
        sys.exit("the best range of the grid is not better than the data's range")


if __name__ == "__main__":
    main()

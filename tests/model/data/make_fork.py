#!/usr/bin/env python3
"""make_fork.py: writes fork.pt beside this file, a TorchScript file that forks a branch. Needs torch;
the script language of C++ has no word for it."""

import pathlib

import torch


class Fork(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a = torch.nn.Parameter(torch.randn(4, 3))
        self.b = torch.nn.Parameter(torch.randn(4, 3))
        self.c = torch.nn.Parameter(torch.randn(2, 4))

    def branch(self, x):
        return torch.nn.functional.linear(x, self.a)

    def forward(self, x):
        future = torch.jit.fork(self.branch, x)
        y = torch.nn.functional.linear(x, self.b)
        return torch.nn.functional.linear(torch.relu(torch.jit.wait(future) + y), self.c)


torch.jit.script(Fork()).save(str(pathlib.Path(__file__).with_name("fork.pt")))

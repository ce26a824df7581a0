"""Loads a checkpoint of the small test job into networks named as the authors name theirs, strictly, and runs both once.

usage: load_checkpoint.py FILE     (needs torch and safetensors)
"""
import sys

import torch
from safetensors.torch import load_file
from torch import nn

LATENT, FILTERS, CHANNELS = 8, 4, 1


class Main(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.main = nn.Sequential()
        for name, layer in layers:
            self.main.add_module(name, layer)

    def forward(self, x):
        return self.main(x)


def generator():
    n = 2 * FILTERS
    return Main([
        (f"initial:{LATENT}-{n}:convt", nn.ConvTranspose2d(LATENT, n, 4, 1, 0, bias=False)),
        (f"initial:{n}:batchnorm", nn.BatchNorm2d(n)),
        (f"initial:{n}:relu", nn.ReLU(True)),
        (f"pyramid:{n}-{n // 2}:convt", nn.ConvTranspose2d(n, n // 2, 4, 2, 1, bias=False)),
        (f"pyramid:{n // 2}:batchnorm", nn.BatchNorm2d(n // 2)),
        (f"pyramid:{n // 2}:relu", nn.ReLU(True)),
        (f"final:{n // 2}-{CHANNELS}:convt", nn.ConvTranspose2d(n // 2, CHANNELS, 4, 2, 1, bias=False)),
        (f"final:{CHANNELS}:tanh", nn.Tanh()),
    ])


def critic():
    n = FILTERS
    return Main([
        (f"initial:{CHANNELS}-{n}:conv", nn.Conv2d(CHANNELS, n, 4, 2, 1, bias=False)),
        (f"initial:{n}:relu", nn.LeakyReLU(0.2)),
        (f"pyramid:{n}-{2 * n}:conv", nn.Conv2d(n, 2 * n, 4, 2, 1, bias=False)),
        (f"pyramid:{2 * n}:batchnorm", nn.BatchNorm2d(2 * n)),
        (f"pyramid:{2 * n}:relu", nn.LeakyReLU(0.2)),
        (f"final:{2 * n}-1:conv", nn.Conv2d(2 * n, 1, 4, 1, 0, bias=False)),
    ])


state = load_file(sys.argv[1])
networks = {"netG": generator(), "netD": critic()}
for prefix, network in networks.items():
    own = {name[len(prefix) + 1:]: value for name, value in state.items() if name.startswith(prefix + ".")}
    network.load_state_dict(own, strict=True)
images = networks["netG"](torch.randn(4, LATENT, 1, 1))
scores = networks["netD"](images)
print(tuple(images.shape), tuple(scores.shape), bool(images.isfinite().all() and scores.isfinite().all()))

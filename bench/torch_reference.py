"""The yardstick: one WGAN generator step (5 critic steps + 1 generator step) in PyTorch on the CPU.

usage: bench/torch_reference.py [--model dcgan64|mlp2d] [--mode eager|channels_last|channels_last-bf16|compile] [--iters N]
Prints one JSON line: seconds per generator step (median of N after one warm-up) and peak memory.
`eager` is the reference implementation's step as its authors wrote it: NCHW, fp32, clamp before each critic
update, real and fake batches in two separate forward passes, RMSprop.
"""
import argparse, contextlib, json, resource, statistics, time
import torch
from torch import nn


def dcgan_critic(size=64, nc=3, width=64):
    layers = [nn.Conv2d(nc, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    n, s = width, size // 2
    while s > 4:
        layers += [nn.Conv2d(n, 2 * n, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * n), nn.LeakyReLU(0.2, inplace=True)]
        n, s = 2 * n, s // 2
    return nn.Sequential(*layers, nn.Conv2d(n, 1, 4, 1, 0, bias=False))


def dcgan_generator(size=64, nz=100, nc=3, width=64):
    n, s = width // 2, 4
    while s != size:
        n, s = 2 * n, 2 * s
    layers = [nn.ConvTranspose2d(nz, n, 4, 1, 0, bias=False), nn.BatchNorm2d(n), nn.ReLU(True)]
    s = 4
    while s < size // 2:
        layers += [nn.ConvTranspose2d(n, n // 2, 4, 2, 1, bias=False), nn.BatchNorm2d(n // 2), nn.ReLU(True)]
        n, s = n // 2, 2 * s
    return nn.Sequential(*layers, nn.ConvTranspose2d(n, nc, 4, 2, 1, bias=False), nn.Tanh())


def mlp(i, o, width=128):
    return nn.Sequential(nn.Linear(i, width), nn.ReLU(True), nn.Linear(width, width), nn.ReLU(True),
                         nn.Linear(width, width), nn.ReLU(True), nn.Linear(width, o))


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--model', default='dcgan64', choices=['dcgan64', 'mlp2d'])
    a.add_argument('--mode', default='eager', choices=['eager', 'channels_last', 'channels_last-bf16', 'compile'])
    a.add_argument('--iters', type=int, default=5)
    a = a.parse_args()
    torch.manual_seed(0)
    if a.model == 'dcgan64':
        B, D, G = 64, dcgan_critic(), dcgan_generator()
        real, latent = torch.rand(B, 3, 64, 64) * 2 - 1, (B, 100, 1, 1)
        for m in list(D.modules()) + list(G.modules()):
            if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.normal_(m.weight, 0, 0.02)
            elif isinstance(m, nn.BatchNorm2d):
                nn.init.normal_(m.weight, 1, 0.02)
    else:
        B, D, G = 256, mlp(2, 1), mlp(2, 2)
        real, latent = torch.randn(B, 2), (B, 2)
    if a.mode.startswith('channels_last') and a.model == 'dcgan64':
        D, G = D.to(memory_format=torch.channels_last), G.to(memory_format=torch.channels_last)
        real = real.contiguous(memory_format=torch.channels_last)
    oD, oG = torch.optim.RMSprop(D.parameters(), lr=5e-5), torch.optim.RMSprop(G.parameters(), lr=5e-5)
    critic, generator = (torch.compile(D), torch.compile(G)) if a.mode == 'compile' else (D, G)
    half = (lambda: torch.autocast('cpu', dtype=torch.bfloat16)) if a.mode.endswith('bf16') else contextlib.nullcontext

    def generator_step():
        for p in D.parameters():
            p.requires_grad = True
        for _ in range(5):
            with torch.no_grad():
                for p in D.parameters():
                    p.clamp_(-0.01, 0.01)
            D.zero_grad()
            with half():
                on_real = critic(real).float().mean()
            on_real.backward()
            with torch.no_grad(), half():
                fake = generator(torch.randn(latent))
            with half():
                on_fake = critic(fake.float()).float().mean()
            (-on_fake).backward()
            oD.step()
        for p in D.parameters():
            p.requires_grad = False
        G.zero_grad()
        with half():
            loss = critic(generator(torch.randn(latent)).float()).float().mean()
        loss.backward()
        oG.step()
        return (on_real - on_fake).item()

    generator_step()
    seconds = []
    for _ in range(a.iters):
        t = time.perf_counter()
        generator_step()
        seconds.append(time.perf_counter() - t)
    print(json.dumps({'model': a.model, 'mode': a.mode, 'secondsPerGeneratorStep': statistics.median(seconds), 'min': min(seconds),
                      'peakMemoryMB': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 'torch': torch.__version__,
                      'threads': torch.get_num_threads()}))


if __name__ == '__main__':
    main()

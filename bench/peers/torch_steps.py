"""Training steps in PyTorch, not private (eager, compiled), and in libraries on top of it: Opacus, fastDP."""

import os

import torch
from torch import nn

LEARNING_RATE = 0.05
NOISE_MULTIPLIER = 1.0
CLIP_NORM = 1.0


def _mlp():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 1000), nn.ReLU(), nn.Linear(1000, 1000), nn.ReLU(), nn.Linear(1000, 10)
    )


def _mnist_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 16, 8, 2, 3),
        nn.ReLU(),
        nn.MaxPool2d(2, 1),
        nn.Conv2d(16, 32, 4, 2),
        nn.ReLU(),
        nn.MaxPool2d(2, 1),
        nn.Flatten(),
        nn.Linear(512, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )


def _dpcnn():
    layers = []
    for inputs, outputs in [(3, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)]:
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.Tanh()]
        if inputs == outputs:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(2048, 128), nn.Tanh(), nn.Linear(128, 10))


class _Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.GroupNorm(32, outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.GroupNorm(32, outputs),
        )
        same = stride == 1 and inputs == outputs
        projection = (nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.GroupNorm(32, outputs))
        self.shortcut = nn.Sequential(*(() if same else projection))

    def forward(self, x):
        return torch.relu(self.branch(x) + self.shortcut(x))


def _resnet18():
    layers = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.GroupNorm(32, 64), nn.ReLU()]
    inputs = 64
    for outputs, stride in [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)]:
        layers.append(_Residual(inputs, outputs, stride))
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


class _UNet(nn.Module):
    """One class a pixel, [batch, classes, height, width]."""

    def __init__(self, features=32, classes=9):
        super().__init__()
        widths = [features * 2**stage for stage in range(5)]
        ups = list(zip(widths[:0:-1], widths[-2::-1]))
        self.down = nn.ModuleList(_twice(i, o) for i, o in zip([1, *widths], widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, 2) for i, o in ups)
        self.joined = nn.ModuleList(_twice(i, o) for i, o in ups)
        self.pool = nn.MaxPool2d(2)
        self.classify = nn.Conv2d(features, classes, 1)

    def forward(self, x):
        skipped = []
        for block in self.down[:-1]:
            skipped.append(block(x))
            x = self.pool(skipped[-1])
        x = self.down[-1](x)
        for up, block in zip(self.up, self.joined):
            x = block(torch.cat([up(x), skipped.pop()], 1))
        return self.classify(x)


def _twice(inputs, outputs):
    layers = []
    for size in (inputs, outputs):
        layers += [nn.Conv2d(size, outputs, 3, padding=1, bias=False), nn.GroupNorm(8, outputs), nn.ReLU()]
    return nn.Sequential(*layers)


# model, shape of an example, classes, shape of an example's target
WORKLOADS = {
    "mlp": (_mlp, (1, 28, 28), 10, ()),
    "mnist-cnn": (_mnist_cnn, (1, 28, 28), 10, ()),
    "dpcnn": (_dpcnn, (3, 32, 32), 10, ()),
    "resnet18": (_resnet18, (3, 32, 32), 10, ()),
    "unet": (_UNet, (1, 128, 128), 9, (128, 128)),
}


class TorchStep:
    """One model with its batch; `step()` is one training step of `engine`."""

    def __init__(self, engine, workload, batch):
        torch.manual_seed(0)
        torch.set_num_threads(_cores())
        build, shape, classes, target = WORKLOADS[workload]
        self.model = build()
        self.model.train()
        self.parameters = sum(p.numel() for p in self.model.parameters())
        self.inputs = torch.randn(batch, *shape)
        self.targets = torch.randint(0, classes, (batch, *target))
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=LEARNING_RATE)
        self.step = ENGINES[engine](self, batch)


def _cores():
    """That this process may use, where the system says."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count()


def _eager(setup, _batch):
    return _step_of(setup, setup.model, setup.optimizer, setup.loss)


def _compiled(setup, _batch):
    return _step_of(setup, torch.compile(setup.model), setup.optimizer, setup.loss)


def _opacus(setup, batch):
    from opacus.grad_sample import GradSampleModule
    from opacus.optimizers import DPOptimizer

    model = GradSampleModule(setup.model)
    return _step_of(setup, model, DPOptimizer(setup.optimizer, **_noise(batch)), setup.loss)


def _opacus_ghost(setup, batch):
    from opacus.grad_sample.grad_sample_module_fast_gradient_clipping import GradSampleModuleFastGradientClipping
    from opacus.optimizers.optimizer_fast_gradient_clipping import DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    model = GradSampleModuleFastGradientClipping(setup.model, max_grad_norm=CLIP_NORM, use_ghost_clipping=True)
    optimizer = DPOptimizerFastGradientClipping(setup.optimizer, **_noise(batch))
    criterion = DPLossFastGradientClipping(model, optimizer, setup.loss, "mean")

    def loss(scores, targets):
        if targets.dim() == 1:
            return criterion(scores, targets)
        # It takes a class a row, and how many rows an example has.
        rows = scores.movedim(1, -1).flatten(0, -2)
        return criterion(rows, targets.flatten(), shape=(batch, targets[0].numel()))

    return _step_of(setup, model, optimizer, loss)


def _fastdp(setup, batch):
    from fastDP import PrivacyEngine

    engine = PrivacyEngine(
        setup.model,
        batch_size=batch,
        sample_size=50_000,
        noise_multiplier=NOISE_MULTIPLIER,
        epochs=1,
        clipping_mode="MixOpt",
        clipping_fn="automatic",
        loss_reduction="mean",
        # As its README advises: backpropagation need not reach further than the first layer's parameter.
        origin_params=[next(name for name, _ in setup.model.named_parameters())],
    )
    engine.attach(setup.optimizer)
    return _step_of(setup, setup.model, setup.optimizer, setup.loss)


def _noise(batch):
    return {"noise_multiplier": NOISE_MULTIPLIER, "max_grad_norm": CLIP_NORM, "expected_batch_size": batch}


def _step_of(setup, model, optimizer, loss):
    def step():
        optimizer.zero_grad()
        loss(model(setup.inputs), setup.targets).backward()
        optimizer.step()

    return step


ENGINES = {
    "pytorch": _eager,
    "pytorch-compile": _compiled,
    "opacus": _opacus,
    "opacus-ghost": _opacus_ghost,
    "fastdp": _fastdp,
}

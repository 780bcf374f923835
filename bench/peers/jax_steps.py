"""Private training steps in JAX with JAX-privacy: clipped gradients by vmap, noise and update in the same jit."""

import jax
import jax.numpy as jnp
import jax_privacy
import numpy as np
from jax import lax

LEARNING_RATE = 0.05
NOISE_DEVIATION = 1.0
CLIP_NORM = 1.0
# The fastest of several on CPUs, and the one whose memory stays bounded.
MICROBATCH = 16


def _convolution(weights, x, stride=1, padding="SAME"):
    kernel, bias = weights
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")) + bias


def _max_pool(x, size, stride):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, size, size, 1), (1, stride, stride, 1), "VALID")


def _dense(weights, x):
    return x @ weights[0] + weights[1]


def _mlp(p, x):
    x = x.reshape(x.shape[0], -1)
    return _dense(p[2], jax.nn.relu(_dense(p[1], jax.nn.relu(_dense(p[0], x)))))


def _mnist_cnn(p, x):
    x = _max_pool(jax.nn.relu(_convolution(p[0], x, 2, [(3, 3), (3, 3)])), 2, 1)
    x = _max_pool(jax.nn.relu(_convolution(p[1], x, 2, "VALID")), 2, 1)
    return _dense(p[3], jax.nn.relu(_dense(p[2], x.reshape(x.shape[0], -1))))


def _dpcnn(p, x):
    for i in range(6):
        x = jnp.tanh(_convolution(p[i], x))
        if i % 2:
            x = _max_pool(x, 2, 2)
    return _dense(p[7], jnp.tanh(_dense(p[6], x.reshape(x.shape[0], -1))))


# forward, shapes of the weights (a bias as long as the last extent follows each), shape of an example
WORKLOADS = {
    "mlp": (_mlp, [(784, 1000), (1000, 1000), (1000, 10)], (28, 28, 1)),
    "mnist-cnn": (_mnist_cnn, [(8, 8, 1, 16), (4, 4, 16, 32), (512, 32), (32, 10)], (28, 28, 1)),
    "dpcnn": (
        _dpcnn,
        [(3, 3, i, o) for i, o in [(3, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)]]
        + [(2048, 128), (128, 10)],
        (32, 32, 3),
    ),
}


class JaxStep:
    """One model with its batch; `step()` is one private training step."""

    def __init__(self, _engine, workload, batch):
        if workload not in WORKLOADS:
            raise ValueError(f"{workload} is not written in JAX; there are {', '.join(WORKLOADS)}")
        forward, shapes, example = WORKLOADS[workload]
        rng = np.random.default_rng(0)
        self.weights = [
            (jnp.asarray(rng.normal(size=shape) * 0.05, jnp.float32), jnp.zeros(shape[-1], jnp.float32))
            for shape in shapes
        ]
        self.parameters = sum(leaf.size for leaf in jax.tree.leaves(self.weights))
        self.inputs = jnp.asarray(rng.normal(size=(batch, *example)), jnp.float32)
        self.targets = jnp.asarray(rng.integers(0, 10, batch))
        self.key = jax.random.key(0)
        self.count = 0
        self.update = jax.jit(_update_of(forward, batch))

    def step(self):
        self.count += 1
        key = jax.random.fold_in(self.key, self.count)
        self.weights = jax.block_until_ready(self.update(self.weights, self.inputs, self.targets, key))


def _update_of(forward, batch):
    def loss(weights, x, y):
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(forward(weights, x)), y[:, None], 1))

    gradient = jax_privacy.clipping.clipped_grad(
        loss,
        l2_clip_norm=CLIP_NORM,
        batch_argnums=(1, 2),
        normalize_by=batch,
        microbatch_size=MICROBATCH if batch % MICROBATCH == 0 else None,
    )

    def update(weights, x, y, key):
        leaves, structure = jax.tree.flatten(gradient(weights, x, y))
        noisy = [
            leaf + NOISE_DEVIATION * CLIP_NORM / batch * jax.random.normal(jax.random.fold_in(key, i), leaf.shape)
            for i, leaf in enumerate(leaves)
        ]
        step = jax.tree.unflatten(structure, noisy)
        return jax.tree.map(lambda w, g: w - LEARNING_RATE * g, weights, step)

    return update

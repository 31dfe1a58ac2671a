"""How long does a function of a hundred lines take from source to kernel text?

Three functions: a simulation of numbers, a network of array statements, and solvers
that loop over the elements of arrays. Each is read, differentiated and written anew
several times, the least CPU time counts; the bar is 50 ms. With `--profile` cProfile
says where it goes; with `--compile` Numba's time for the kernel is shown, too.

    python benchmarks/transform.py
    python benchmarks/transform.py network --profile
"""

import argparse
import cProfile
import inspect
import json
import math
import pstats
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import srcgrad


def orbit(x: float, y: float, u: float, v: float, drag: float, steps: int) -> float:
    """Fly around two bodies with drag and thrust: numbers, branches, one loop."""
    big = 1.0
    small = 0.0123
    fuel = 1.0
    heat = 0.0
    cost = 0.0
    closest = 10.0
    dt = 0.001
    t = 0.0
    for step in range(steps):
        angle = 0.5 * t
        mx = 0.9 * math.cos(angle)
        my = 0.9 * math.sin(angle)
        dx = x - mx
        dy = y - my
        r2 = x * x + y * y
        s2 = dx * dx + dy * dy
        r = math.sqrt(r2)
        s = math.sqrt(s2)
        r3 = r * r2
        s3 = s * s2
        ax = -big * x / r3
        ay = -big * y / r3
        ax = ax - small * dx / s3
        ay = ay - small * dy / s3
        speed2 = u * u + v * v
        speed = math.sqrt(speed2)
        height = r - 0.1
        if height < 0.0:
            height = 0.0
        density = math.exp(-height / 0.05)
        friction = drag * density * speed
        ax = ax - friction * u
        ay = ay - friction * v
        heat = heat + density * speed * speed2 * dt
        if heat > 1.0:
            cooling = 0.1 * (heat - 1.0)
            heat = heat - cooling
            cost = cost + cooling * cooling
        energy = 0.5 * speed2 - big / r - small / s
        spin = x * v - y * u
        wanted = -0.5
        error = energy - wanted
        thrust = 0.0
        if error > 0.1:
            thrust = -0.2
        elif error < -0.1:
            thrust = 0.2
        else:
            thrust = -0.5 * error
        if fuel < 0.01:
            thrust = 0.0
        used = abs(thrust) * dt
        fuel = fuel - used
        mass = 0.5 + 0.5 * fuel
        gain = thrust / mass
        ux = u / (speed + 1e-9)
        uy = v / (speed + 1e-9)
        ax = ax + gain * ux
        ay = ay + gain * uy
        half_u = u + 0.5 * dt * ax
        half_v = v + 0.5 * dt * ay
        x = x + dt * half_u
        y = y + dt * half_v
        r2 = x * x + y * y
        r = math.sqrt(r2)
        r3 = r * r2
        dx = x - mx
        dy = y - my
        s2 = dx * dx + dy * dy
        s = math.sqrt(s2)
        s3 = s * s2
        bx = -big * x / r3 - small * dx / s3
        by = -big * y / r3 - small * dy / s3
        u = half_u + 0.5 * dt * bx
        v = half_v + 0.5 * dt * by
        if r < closest:
            closest = r
        miss = spin - 1.0
        cost = cost + miss * miss * dt
        if r < 0.05:
            cost = cost + 10.0
            break
        if step % 10 == 0:
            cost = cost + 0.001 * error * error
        t = t + dt
    ex = x - 1.0
    ey = y
    cost = cost + ex * ex + ey * ey
    cost = cost + 0.1 * heat
    cost = cost - 0.01 * fuel
    cost = cost + math.exp(-closest)
    return cost


def network(p: dict[str, Any], x: Any, y: Any) -> Any:
    """Normalise, attend, mix and classify: whole-array statements over a dict."""
    n = x.shape[0]
    mean = np.mean(x, axis=0)
    centred = x - mean
    var = np.mean(centred * centred, axis=0)
    x = centred / np.sqrt(var + 1e-5)
    x = x * p["scale"] + p["shift"]
    h = x @ p["w1"] + p["b1"]
    h = np.tanh(h)
    skip = h
    q = h @ p["wq"]
    k = h @ p["wk"]
    v = h @ p["wv"]
    score = q @ k.T
    score = score / np.sqrt(1.0 * q.shape[1])
    top = np.max(score, axis=1)
    score = score - top[:, None]
    weight = np.exp(score)
    total = np.sum(weight, axis=1)
    weight = weight / total[:, None]
    mixed = weight @ v
    h = mixed @ p["wo"]
    h = h + p["bo"]
    h = h + skip
    mean = np.mean(h, axis=1)
    centred = h - mean[:, None]
    var = np.mean(centred**2, axis=1)
    h = centred / np.sqrt(var + 1e-5)[:, None]
    h = h * p["scale2"]
    h = h + p["shift2"]
    skip = h
    a = h @ p["w2"] + p["b2"]
    gate = 1.0 / (1.0 + np.exp(-a))
    a = a * gate
    h = a @ p["w3"] + p["b3"]
    h = h + skip
    if p["deep"]:
        a = h @ p["w4"] + p["b4"]
        a = np.where(a > 0.0, a, 0.01 * a)
        h = h + a @ p["w5"]
        h = h + p["b5"]
    low = np.minimum(h, 0.0)
    high = np.maximum(h, 0.0)
    h = high + 0.1 * low
    u = h @ p["w6"]
    u = u + p["b6"]
    c = np.cos(u)
    s = np.sin(u)
    u = np.concatenate((c, s), axis=1)
    u = u @ p["w7"]
    logits = u + p["b7"]
    top = np.max(logits, axis=1)
    shifted = logits - top[:, None]
    e = np.exp(shifted)
    z = np.sum(e, axis=1)
    logp = shifted - np.log(z)[:, None]
    chosen = logp * y
    loss = -np.sum(chosen) / n
    prob = e / z[:, None]
    entropy = -np.sum(prob * logp) / n
    confidence = np.max(prob, axis=1)
    flat = np.mean(confidence)
    penalty = 0.0
    penalty = penalty + np.sum(p["w1"] ** 2)
    penalty = penalty + np.sum(p["w2"] ** 2)
    penalty = penalty + np.sum(p["w3"] ** 2)
    penalty = penalty + np.sum(p["w6"] ** 2)
    penalty = penalty + np.sum(p["w7"] ** 2)
    rough = 0.0
    for i in range(3):
        noise = np.sin((1.0 + i) * h)
        back = noise @ p["wq"]
        moved = back - q
        rough = rough + np.mean(moved * moved)
    smooth = h[1:] - h[:-1]
    jump = np.sum(np.abs(smooth))
    spread = np.mean(np.sqrt(var + 1.0))
    outer = np.outer(spread * mean, mean)
    trace = np.sum(np.diag(outer))
    order = np.sum(np.cumsum(chosen, axis=0)) / n
    first = logits[0]
    last = logits[-1]
    drift = np.dot(first, last)
    loss = loss + 0.01 * entropy
    loss = loss + 0.1 * flat
    loss = loss + 1e-4 * penalty
    loss = loss + 1e-3 * rough
    loss = loss + 1e-3 * jump
    loss = loss + 1e-3 * trace
    loss = loss + 1e-3 * order
    loss = loss + 1e-4 * drift
    return loss


def solvers(a: Any, b: Any, u: Any, steps: int) -> Any:
    """Factor, substitute, relax and march: loops over the elements of arrays."""
    n = a.shape[0]
    total = 0.0
    for i in range(n):
        for j in range(i):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[j, k]
            a[i, j] = s / a[j, j]
        s = a[i, i]
        for k in range(i):
            s -= a[i, k] * a[i, k]
        a[i, i] = math.sqrt(s)
        total += math.log(a[i, i])
    z = np.zeros(n)
    for i in range(n):
        s = b[i]
        for j in range(i):
            s -= a[i, j] * z[j]
        z[i] = s / a[i, i]
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        s = z[i]
        for j in range(i + 1, n):
            s -= a[j, i] * x[j]
        x[i] = s / a[i, i]
    m = u.shape[0]
    new = u.copy()
    for _ in range(steps):
        for i in range(1, m - 1):
            for j in range(1, m - 1):
                around = u[i - 1, j] + u[i + 1, j]
                around += u[i, j - 1] + u[i, j + 1]
                value = 0.25 * around
                if value > 1.0:
                    value = 1.0 + 0.5 * (value - 1.0)
                new[i, j] = 0.2 * u[i, j] + 0.8 * value
        for i in range(1, m - 1):
            for j in range(1, m - 1):
                u[i, j] = new[i, j]
    lower = np.zeros(m)
    upper = np.zeros(m)
    middle = np.zeros(m)
    right = np.zeros(m)
    for i in range(m):
        lower[i] = -0.5
        upper[i] = -0.5
        middle[i] = 2.0 + u[i, i] * u[i, i]
        right[i] = u[i, 0] + u[0, i]
    for i in range(1, m):
        w = lower[i] / middle[i - 1]
        middle[i] -= w * upper[i - 1]
        right[i] -= w * right[i - 1]
    y = np.zeros(m)
    y[m - 1] = right[m - 1] / middle[m - 1]
    for i in range(m - 2, -1, -1):
        y[i] = (right[i] - upper[i] * y[i + 1]) / middle[i]
    peak = y[0]
    for i in range(m):
        if y[i] > peak:
            peak = y[i]
    guess = 1.0
    turns = 0
    while abs(guess * guess - peak * peak - 2.0) > 1e-10:
        guess = 0.5 * (guess + (peak * peak + 2.0) / guess)
        turns += 1
        if turns > 50:
            break
    row = np.zeros(n)
    for i in range(n):
        row[i] = x[i]
    for _ in range(3):
        for i in range(1, n):
            row[i] = row[i] + 0.1 * row[i - 1]
        for i in range(n - 1):
            row[i] = row[i] * (1.0 - 0.1 * row[i + 1])
    count = 0
    for i in range(n):
        if row[i] < 0.0:
            total -= 0.1 * row[i]
            continue
        total += row[i] * row[i]
        count += 1
    left = 0.0
    for i in range(n):
        left = 0.9 * left + x[i]
        total += 0.01 * left * left
    total += guess + 0.001 * count
    for i in range(m):
        total += y[i] * y[i]
    return total


def make_cases() -> dict[str, tuple[Callable[..., Any], tuple[Any, ...], Any]]:
    """Return each function with arguments and what to differentiate by."""
    rng = np.random.default_rng(0)
    d, wide, classes = 8, 16, 4

    def normal(*shape: int) -> Any:
        return 0.3 * rng.normal(size=shape)

    shapes = {
        "scale": (d,), "shift": (d,), "w1": (d, wide), "b1": (wide,),
        "wq": (wide, d), "wk": (wide, d), "wv": (wide, d), "wo": (d, wide),
        "bo": (wide,), "scale2": (wide,), "shift2": (wide,), "w2": (wide, d),
        "b2": (d,), "w3": (d, wide), "b3": (wide,), "w4": (wide, d), "b4": (d,),
        "w5": (d, wide), "b5": (wide,), "w6": (wide, d), "b6": (d,),
        "w7": (2 * d, classes), "b7": (classes,),
    }  # fmt: skip
    params = {**{name: normal(*shape) for name, shape in shapes.items()}, "deep": True}
    labels = np.eye(classes)[rng.integers(0, classes, 6)]
    root = normal(5, 5)
    matrix = root @ root.T + 5.0 * np.eye(5)
    return {
        "orbit": (orbit, (0.5, 0.1, 0.0, 1.2, 0.1, 50), (0, 1, 2, 3, 4)),
        "network": (network, (params, normal(6, d), labels), 0),
        "solvers": (solvers, (matrix, normal(5), normal(6, 6), 3), (0, 1, 2)),
    }


def main() -> None:
    """Measure, print a line for each function, and keep them as JSON if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(make_cases()))
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    options = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    for name in options.names:
        function, args, argnums = make_cases()[name]

        def transform(
            function: Any = function, args: Any = args, k: Any = argnums
        ) -> Any:
            f = srcgrad.grad(function, argnums=k, backend="numba", cache=False)
            return f, f.source(*args, stage="kernel")

        def time_once(work: Callable[[], Any]) -> float:
            begun = time.process_time()
            work()
            return 1e3 * (time.process_time() - begun)

        (f, text), lines = transform(), len(inspect.getsource(function).splitlines())
        row = {"transform": min(time_once(transform) for _ in range(options.runs))}
        if options.compile:
            row["compile"] = time_once(lambda: f(*args))  # noqa: B023
        figures[name] = row
        spent = "".join(f"{what:>11}{ms:9.1f} ms" for what, ms in row.items())
        print(f"{name:10}{lines:5} lines, {len(text.splitlines()):5} of kernel{spent}")
        if options.profile:
            profile = cProfile.Profile()
            profile.runcall(transform)
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()

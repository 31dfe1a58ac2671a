"""A differentiable simulation: swing up a pendulum with a motor that is too weak.

The torque is less than half of what would hold the pendulum level, so it has to swing
back and forth first. The gradient of the cost with respect to all torques comes back
through the simulation, and L-BFGS-B keeps them within the limit of the motor.
"""

print("pip install -e . && python examples/16_pendulum.py")

import sys
from typing import Any

import numpy as np

import srcgrad
from srcgrad import optim

GRAVITY, FRICTION, LIMIT, STEP = 9.81, 0.1, 4.0, 0.05  # length and mass are 1
SMALL = "--small" in sys.argv  # nothing is compiled then


def simulate(torques: Any, turns: int) -> Any:
    """Return angle (0 hangs down) and speed at each time, one torque for some turns."""
    n = len(torques)
    path = np.empty((n + 1, 2))
    angle, speed = 0.0, 0.0
    path[0] = angle, speed
    h = STEP / turns
    for i in range(n):
        for _ in range(turns):  # semi-implicit Euler: energy does not drift
            force = torques[i] - GRAVITY * np.sin(angle) - FRICTION * speed
            speed = speed + h * force
            angle = angle + h * speed
        path[i + 1] = angle, speed
    return path


@srcgrad.differentiable(backend="python" if SMALL else "auto")
def cost(torques: Any, turns: int) -> Any:
    """Return how far from standing still on top it ends, and what the way there costs.

    The last half second counts; torques cost little, and so do sudden changes of them.
    """
    path = simulate(torques, turns)
    angle, speed = path[-10:, 0], path[-10:, 1]
    energy = 10 * np.mean(1 + np.cos(angle)) + np.mean(speed**2)
    change = torques[1:] - torques[:-1]
    return energy + 1e-3 * np.mean(torques**2) + 1e-2 * np.mean(change**2)


def main() -> None:
    """Find the torques; draw the angle and the torque against time."""
    n, turns = (80, 2) if SMALL else (100, 20)
    start = 0.1 * np.sin(3.0 * STEP * np.arange(n))  # near its own frequency
    fit = optim.minimize(cost, start, turns, bounds=(-LIMIT, LIMIT),
                         options={"maxiter": 300})  # fmt: skip
    print(f"\ncost {cost(start, turns):.3f} -> {fit.value:.4f} in {fit.steps} steps, "
          f"{fit.evaluations} gradients of {n} torques")  # fmt: skip
    path = simulate(fit.params, turns)
    print("\n time  torque  angle   up                 down                 up")
    for i in range(0, n, 2):
        angle = np.degrees(path[i, 0])
        row = [" "] * 45
        row[2] = row[22] = row[42] = "|"
        row[int(np.clip(round(angle / 9), -22, 22)) + 22] = "o"
        torque, line = fit.params[i], "".join(row).rstrip()
        print(f"{i * STEP:5.2f} {torque:7.2f} {angle:6.0f}  {line}")
    end, speed = path[-1]
    print(f"\nIt ends {abs(np.degrees(abs(end) - np.pi)):.2f} degrees from the top, "
          f"at {speed:.3f} rad/s, with at most {np.abs(fit.params).max():g} N m;\n"
          f"{GRAVITY:g} would hold it level.")  # fmt: skip
    assert abs(abs(end) - np.pi) < 0.1


if __name__ == "__main__":
    main()

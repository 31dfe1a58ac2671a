"""Robotics: arms, filters, control, maps, trajectories."""

import math
from dataclasses import dataclass

import numpy as np
from numpy import cos, pi, sin

from tests.cases import case
from tests.cases.inputs import near


def dh(theta, d, a, alpha):
    ct, st = np.cos(theta), np.sin(theta)
    ca, sa = np.cos(alpha), np.sin(alpha)
    return np.array([
        [ct, -st * ca, st * sa, a * ct],
        [st, ct * ca, -ct * sa, a * st],
        [0, sa, ca, d],
        [0, 0, 0, 1],
    ])


# Damped least squares on an arm of Denavit-Hartenberg parameters.
@case(
    lambda rng: (near(rng, 0.4, 0.3, 0.5), near(rng, 0.3, 0.4, -0.5)),
    argnums=(0, 1),
    long=True,
)
def inverse_kinematics(target, q0):
    params = [(0.2, 0.0, pi / 2), (0.0, 0.5, 0.0), (0.0, 0.4, 0.0)]
    q = q0.copy()
    lam = 0.1
    for it in range(4):
        T = np.eye(4)
        origins = [T[:3, 3]]
        axes = [T[:3, 2]]
        for i in range(3):
            d, a, alpha = params[i]
            T = T @ dh(q[i], d, a, alpha)
            origins.append(T[:3, 3])
            axes.append(T[:3, 2])
        p = origins[-1]
        J = np.zeros((3, 3))
        for i in range(3):
            J[:, i] = np.cross(axes[i], p - origins[i])
        e = target - p
        JJt = J @ J.T + lam ** 2 * np.eye(3)
        q += J.T @ np.linalg.solve(JJt, e)
    return np.sum((target - p) ** 2) + 0.01 * np.sum(q ** 2)


# Madgwick's filter for gyroscope and accelerometer.
@case(
    lambda rng: (0.2 * rng.normal(size=(5, 3)), near(rng, *[[0.1, 0.2, 1.0]] * 5), 0.1),
    argnums=(0, 1, 2),
    long=True,
)
def madgwick_filter(gyro, acc, beta, dt=0.05):
    q0, q1, q2, q3 = 1.0, 0.0, 0.0, 0.0
    for k in range(gyro.shape[0]):
        gx, gy, gz = gyro[k]
        ax, ay, az = acc[k]
        qDot1 = 0.5 * (-q1 * gx - q2 * gy - q3 * gz)
        qDot2 = 0.5 * (q0 * gx + q2 * gz - q3 * gy)
        qDot3 = 0.5 * (q0 * gy - q1 * gz + q3 * gx)
        qDot4 = 0.5 * (q0 * gz + q1 * gy - q2 * gx)
        if not (ax == 0.0 and ay == 0.0 and az == 0.0):
            recip = 1.0 / math.sqrt(ax * ax + ay * ay + az * az)
            ax *= recip
            ay *= recip
            az *= recip
            s0 = 4 * q0 * q2 * q2 + 2 * q2 * ax + 4 * q0 * q1 * q1 - 2 * q1 * ay
            s1 = (4 * q1 * q3 * q3 - 2 * q3 * ax + 4 * q0 * q0 * q1 - 2 * q0 * ay - 4 * q1
                  + 8 * q1 * q1 * q1 + 8 * q1 * q2 * q2 + 4 * q1 * az)
            s2 = (4 * q0 * q0 * q2 + 2 * q0 * ax + 4 * q2 * q3 * q3 - 2 * q3 * ay - 4 * q2
                  + 8 * q2 * q1 * q1 + 8 * q2 * q2 * q2 + 4 * q2 * az)
            s3 = 4 * q1 * q1 * q3 - 2 * q1 * ax + 4 * q2 * q2 * q3 - 2 * q2 * ay
            recip = 1.0 / math.sqrt(s0 * s0 + s1 * s1 + s2 * s2 + s3 * s3)
            qDot1 -= beta * s0 * recip
            qDot2 -= beta * s1 * recip
            qDot3 -= beta * s2 * recip
            qDot4 -= beta * s3 * recip
        q0 += qDot1 * dt
        q1 += qDot2 * dt
        q2 += qDot3 * dt
        q3 += qDot4 * dt
        recip = (q0 ** 2 + q1 ** 2 + q2 ** 2 + q3 ** 2) ** -0.5
        q0, q1, q2, q3 = q0 * recip, q1 * recip, q2 * recip, q3 * recip
    roll = math.atan2(q0 * q1 + q2 * q3, 0.5 - q1 * q1 - q2 * q2)
    pitch = math.asin(-2.0 * (q1 * q3 - q0 * q2))
    return roll ** 2 + pitch


@dataclass
class Gains:
    kp: float
    ki: float
    kd: float


# A motor under PID with saturation and anti-windup.
@case(lambda rng: (Gains(*near(rng, 4.0, 6.0, 0.1)), near(rng, 1.0, 2.0, 1.5)))
def motor_under_pid(gains, setpoints, dt=0.01, limit=9.0):
    i_term = 0.0
    last_error = 0.0
    speed, current = 0.0, 0.0
    R, Lm, Kt, J, b = 1.0, 0.05, 0.5, 0.02, 0.01
    iae = 0.0
    for sp in setpoints:
        for k in range(6):
            error = sp - speed
            d = (error - last_error) / dt
            u = gains.kp * error + i_term + gains.kd * d
            if u > limit:
                u = limit
            elif u < -limit:
                u = -limit
            else:
                i_term += gains.ki * error * dt
            last_error = error
            di = (u - R * current - Kt * speed) / Lm
            dw = (Kt * current - b * speed) / J
            current += di * dt
            speed += dw * dt
            iae += error ** 2 * dt
    return iae


# Extended Kalman filter for position and one landmark: the state grows when it is seen.
@case(
    lambda rng: (near(rng, [1.0, 0.1], [1.0, 0.15], [0.9, 0.0]),
                 near(rng, [5.0, 0.6], [4.2, 0.75], [3.5, 0.9])),
    argnums=(0, 1),
    long=True,
)
def slam_by_kalman_filter(controls, observations):
    x = np.zeros((3, 1))
    P = 0.01 * np.eye(3)
    Rn = np.diag([0.02, 0.02, 0.005])
    Qn = np.diag([0.1, 0.02])
    dt = 1.0
    nll = 0.0
    for (v, w), (r, bearing) in zip(controls, observations):
        th = x[2, 0]
        x[0, 0] += v * dt * cos(th)
        x[1, 0] += v * dt * sin(th)
        x[2, 0] += w * dt
        G = np.eye(len(x))
        G[0, 2] = -v * dt * sin(th)
        G[1, 2] = v * dt * cos(th)
        P = G @ P @ G.T
        P[:3, :3] += Rn
        if len(x) == 3:
            ang = x[2, 0] + bearing
            lm = np.array([[x[0, 0] + r * cos(ang)], [x[1, 0] + r * sin(ang)]])
            x = np.vstack([x, lm])
            big = np.zeros((5, 5))
            big[:3, :3] = P
            big[3:, 3:] = np.eye(2)
            P = big
        dx = x[3, 0] - x[0, 0]
        dy = x[4, 0] - x[1, 0]
        q = dx ** 2 + dy ** 2
        sq = math.sqrt(q)
        H = np.array([[-dx / sq, -dy / sq, 0, dx / sq, dy / sq],
                      [dy / q, -dx / q, -1, -dy / q, dx / q]])
        z = np.array([[r - sq], [bearing - (math.atan2(dy, dx) - x[2, 0])]])
        S = H @ P @ H.T + Qn
        Si = np.linalg.inv(S)
        K = P @ H.T @ Si
        x = x + K @ z
        P = (np.eye(5) - K @ H) @ P
        nll += 0.5 * float((z.T @ Si @ z)[0, 0]) + 0.5 * np.log(np.linalg.det(S))
    return nll + np.trace(P)


# Points matched to their nearest neighbours, the rotation in closed form.
@case(
    lambda rng: (near(rng, [0, 0], [1, 0.1], [1.2, 1.1], [0.1, 0.9]),
                 near(rng, [0.1, 0.1], [1.05, 0.3], [1.1, 1.3], [0, 1.1])),
    argnums=(0, 1),
    long=True,
)
def iterative_closest_points(src, dst):
    pts = src.copy()
    n = len(pts)
    for it in range(3):
        match = np.zeros(n, dtype=int)
        for i in range(n):
            best = 1e30
            for j in range(len(dst)):
                d = (pts[i, 0] - dst[j, 0]) ** 2 + (pts[i, 1] - dst[j, 1]) ** 2
                if d < best:
                    best = d
                    match[i] = j
        mu_p = pts.mean(axis=0)
        mu_d = dst[match].mean(axis=0)
        W = (pts - mu_p).T @ (dst[match] - mu_d)
        theta = math.atan2(W[0, 1] - W[1, 0], W[0, 0] + W[1, 1])
        R = np.array([[cos(theta), -sin(theta)], [sin(theta), cos(theta)]])
        pts = (pts - mu_p) @ R.T + mu_d
    return np.sum((pts - dst[match]) ** 2) + theta


# A quintic from rest to rest through via points, its jerk integrated by Simpson's rule.
@case(
    lambda rng: (near(rng, 0.0, 0.7, 0.4, 1.2), near(rng, 1.0, 1.3, 0.8)),
    argnums=(0, 1),
    long=True,
)
def quintic_through_points(points, durations):
    cost = 0.0
    v0 = a0 = 0.0
    for k in range(len(durations)):
        T = durations[k]
        p0, p1 = points[k], points[k + 1]
        last = k == len(durations) - 1
        v1 = 0.0 if last else (points[k + 2] - p0) / (T + durations[k + 1])
        a1 = 0.0
        M = np.array([[T ** 3, T ** 4, T ** 5],
                      [3 * T ** 2, 4 * T ** 3, 5 * T ** 4],
                      [6 * T, 12 * T ** 2, 20 * T ** 3]])
        rhs = np.array([p1 - p0 - v0 * T - 0.5 * a0 * T ** 2, v1 - v0 - a0 * T, a1 - a0])
        c3, c4, c5 = np.linalg.solve(M, rhs)
        jerk = lambda t: 6 * c3 + 24 * c4 * t + 60 * c5 * t ** 2
        m = 4
        h = T / m
        s = jerk(0.0) ** 2 + jerk(T) ** 2
        for i in range(1, m):
            s += (4 if i % 2 else 2) * jerk(i * h) ** 2
        cost += s * h / 3
        v0, a0 = v1, a1
    return 1e-3 * cost


# A car parked by gradient steps of its own: rollout, adjoint by hand, step.
@case(
    lambda rng: (0.1 * rng.normal(size=(4, 2)), near(rng, 1.0, 0.5, 0.2)),
    argnums=(0, 1),
    long=True,
)
def steered_rollout(controls, goal, rate=0.05):
    U = controls.copy()
    dt, wheelbase = 0.3, 0.5
    T = U.shape[0]
    J = 0.0
    for iteration in range(2):
        X = np.zeros((T + 1, 4))
        for t in range(T):
            x, y, th, v = X[t]
            X[t + 1] = [x + dt * v * cos(th), y + dt * v * sin(th),
                        th + dt * v / wheelbase * np.tan(U[t, 1]), v + dt * U[t, 0]]
        J = 0.05 * np.sum(U ** 2) + np.sum((X[-1, :3] - goal) ** 2)
        lam = np.zeros(4)
        lam[:3] = 2 * (X[-1, :3] - goal)
        dU = 0.1 * U
        for t in range(T - 1, -1, -1):
            x, y, th, v = X[t]
            dU[t, 0] += dt * lam[3]
            dU[t, 1] += dt * v / wheelbase / cos(U[t, 1]) ** 2 * lam[2]
            lam = np.array([
                lam[0],
                lam[1],
                lam[2] + dt * v * (-sin(th) * lam[0] + cos(th) * lam[1]),
                lam[3] + dt * (cos(th) * lam[0] + sin(th) * lam[1]
                               + np.tan(U[t, 1]) / wheelbase * lam[2]),
            ])
        U -= rate * dU
    return J

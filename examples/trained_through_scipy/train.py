"""Find the rates of a predator-prey model from noisy counts: torch trains through SciPy's ODE solver.

    python train.py [--steps 40] [--picture fit.svg]

The model is Lotka's and Volterra's, for x prey and y predators at time t:

    dx/dt = a x - b x y        dy/dt = c x y - d y

`populations` solves it with `scipy.integrate.solve_ivp`. Its vjp uses forward sensitivities: the derivatives
of x and y with respect to the rates obey a linear ODE of their own, which is solved along with the model. For
torch the solver is an operation like any other: the optimiser, gradcheck and vmap are torch's own.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.integrate import solve_ivp

import numpy_bridge as bridge

TRUE_RATES = (1.0, 0.4, 0.2, 0.8)  # a, b, c, d per year
START = (4.0, 2.0)  # prey, predators
YEARS = np.linspace(0, 12, 49)
Array = np.ndarray[Any, Any]


def change(_t: float, state: Array, rates: Array) -> list[float]:
    """Return dx/dt and dy/dt."""
    (x, y), (a, b, c, d) = state, rates
    return [a * x - b * x * y, c * x * y - d * y]


def change_with_sensitivities(t: float, state: Array, rates: Array) -> Array:
    """Return the change of x, y and of their eight derivatives with respect to the rates."""
    (x, y), (a, b, c, d) = state[:2], rates
    by_state = np.array([[a - b * y, -b * x], [c * y, c * x - d]])
    by_rates = np.array([[x, -x * y, 0, 0], [0, 0, x * y, -y]])
    sensitivities = state[2:].reshape(2, 4)
    return np.concatenate([change(t, state[:2], rates), (by_state @ sensitivities + by_rates).ravel()])


def solve(function: Any, start: Array, rates: Array) -> Array:
    """Solve from `start` and return one row for each time of `YEARS`."""
    span = (YEARS[0], YEARS[-1])
    solution = solve_ivp(function, span, start, t_eval=YEARS, args=(rates,), rtol=1e-7, atol=1e-7)
    return np.ascontiguousarray(solution.y.T)


@bridge.numpy_op(out=lambda rates: ((len(YEARS), 2), rates.dtype))
def populations(rates: Array) -> Array:
    """Return prey and predators at each time, for the rates a, b, c and d."""
    return solve(change, np.array(START), rates)


@populations.vjp
def _(grad: Array, rates: Array) -> Array:
    solved = solve(change_with_sensitivities, np.array([*START, *np.zeros(8)]), rates)
    sensitivities = solved[:, 2:].reshape(len(YEARS), 2, 4)
    return np.einsum("ts,tsr->r", grad, sensitivities)


def fit(counts: torch.Tensor, steps: int) -> tuple[torch.Tensor, list[float]]:
    """Return the rates that explain the counts best, and the losses on the way."""
    logarithms = torch.full((4,), -0.7, dtype=torch.float64, requires_grad=True)  # rates are positive
    optimiser = torch.optim.LBFGS([logarithms], max_iter=steps, line_search_fn="strong_wolfe")
    losses = []

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = (populations(logarithms.exp()).log() - counts.log()).square().mean()
        loss.backward()
        losses.append(loss.item())
        return loss

    optimiser.step(closure)
    return logarithms.detach().exp(), losses


def picture(counts: torch.Tensor, first: Array, last: Array) -> str:
    """Draw the counts as dots, the model before training as thin lines and after it as thick ones."""
    width, height, margin = 640, 300, 40
    across, up = (width - 2 * margin) / YEARS[-1], (height - 2 * margin) / 6

    def at(year: float, count: float) -> tuple[int, int]:
        return round(margin + across * year), round(height - margin - up * count)

    parts = [f'<rect width="{width}" height="{height}" fill="#ffffff"/>']
    for year in range(0, 13, 2):
        x, y = at(year, 0)
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{year}</text>')
    for count in range(0, 7, 2):
        (left, y), (right, _) = at(0, count), at(12, count)
        parts.append(f'<path d="M{left} {y}H{right}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{count}</text>')
    for species, (name, colour) in enumerate((("prey", "#1b6ca8"), ("predators", "#b3541e"))):
        for model, line in ((first, 'stroke-dasharray="4 4"'), (last, 'stroke-width="2"')):
            points = " ".join(
                "{},{}".format(*at(t, n)) for t, n in zip(YEARS, model[:, species], strict=True)
            )
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" {line}/>')
        for t, n in zip(YEARS, counts[:, species].tolist(), strict=True):
            x, y = at(t, n)
            parts.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>')
        parts.append(f'<text x="{margin + 110 * species}" y="20" fill="{colour}">{name}</text>')
    legend = "dots: counts, dashed: before, line: after"
    parts.append(f'<text x="{width - margin}" y="20" text-anchor="end">{legend}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
    return "\n".join([f'{head} font-size="13">', *parts, "</svg>\n"])


def main() -> None:
    """Make counts with known rates, find the rates again, and say how well."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=40, help="steps of the optimiser")
    parser.add_argument("--picture", type=Path, help="write a plot to this SVG file")
    arguments = parser.parse_args()

    true_rates = torch.tensor(TRUE_RATES, dtype=torch.float64)
    noise = np.exp(np.random.default_rng(0).normal(0, 0.05, (len(YEARS), 2)))
    counts = populations(true_rates) * bridge.to_torch(noise)

    rates, losses = fit(counts, arguments.steps)
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.4f}")
    for name, found, true in zip("abcd", rates.tolist(), TRUE_RATES, strict=True):
        print(f"{name}: found {found:.2f}, true {true:.2f}")
    if arguments.picture:
        first = populations(np.exp(np.full(4, -0.7)))
        arguments.picture.write_text(picture(counts, first, populations(rates.numpy())))


if __name__ == "__main__":
    main()

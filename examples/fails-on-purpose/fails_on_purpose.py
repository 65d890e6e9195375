"""The day's orders of two shops, one of which has none: `average_price` fails, on purpose."""

import csv
from pathlib import Path

Order = dict[str, str]

ORDERS = [
    {"shop": "market", "item": "alarm clock", "price": "24.50"},
    {"shop": "market", "item": "longcase clock", "price": "1890.00"},
    {"shop": "market", "item": "pendulum", "price": "119.00"},
]


def load_orders(path: str) -> list[Order]:
    """Write the orders to a CSV file, for the archive, and return them."""
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["shop", "item", "price"])
        writer.writeheader()
        writer.writerows(ORDERS)
    print(f"loaded {len(ORDERS)} orders into {path}")
    return ORDERS


def average_price(shop: str, orders: list[Order], currency: str) -> str:
    """The average price of a shop's orders. Fails if the shop has none."""
    prices = [float(order["price"]) for order in orders if order["shop"] == shop]
    print(f"{len(prices)} of {len(orders)} orders are from the shop {shop!r}")
    if not prices:
        raise ValueError(f"no average price: the shop {shop!r} has no orders today")
    return f"{sum(prices) / len(prices):.2f} {currency}"


def count_items(orders: list[Order]) -> int:
    """How many items were ordered."""
    print(f"{len(orders)} items were ordered")
    return len(orders)


def compare(average: str, items: int) -> str:
    """One sentence out of both results. Blocked, since `average_price` fails."""
    return f"{items} items were ordered, for {average} on average"


def publish(sentence: str) -> None:
    """Tell everyone. Blocked too, since it waits for `compare`."""
    print(sentence)

# SPDX-License-Identifier: MIT
"""The API of the stack in test_stack.py: orders as JSON, from a database that it knows by DATABASE alone."""
import json
import os

import psycopg2


def orders():
    with psycopg2.connect(os.environ["DATABASE"]) as connection, connection.cursor() as cursor:
        cursor.execute("select id, item, amount from orders order by id")
        return [{"id": number, "item": item, "amount": amount} for number, item, amount in cursor]


def application(environ, start_response):
    if environ["PATH_INFO"] != "/orders":
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    body = json.dumps(orders()).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]

"""Flask-JWT-Extended, as its documentation's pages "Basic Usage" and "Refreshing Tokens" set it up.

Refreshing gives a new access token and leaves the refresh token as it is; nothing is stored, so no session can be
ended. A protected call reads no database. The one user is the one of those pages, with a hash instead of the text.
"""

from datetime import timedelta

from flask import Flask, jsonify, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    get_jwt_identity,
    jwt_required,
)
from worker import PASSWORD, USERNAME, Wsgi, cheap_hash, cheap_verify, repeated, serve

app = Flask(__name__)
app.config["JWT_SECRET_KEY"] = "a secret that is only good for measuring"
app.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(hours=1)
app.config["JWT_REFRESH_TOKEN_EXPIRES"] = timedelta(days=30)
JWTManager(app)

HASH = cheap_hash(PASSWORD)


@app.post("/login")
def login():
    username, password = request.json.get("username"), request.json.get("password")
    if username != USERNAME or not cheap_verify(password, HASH):
        return jsonify(msg="Bad username or password"), 401
    return jsonify(
        access_token=create_access_token(identity=username), refresh_token=create_refresh_token(identity=username)
    )


@app.post("/refresh")
@jwt_required(refresh=True)
def refresh():
    return jsonify(access_token=create_access_token(identity=get_jwt_identity()))


@app.get("/protected")
@jwt_required()
def protected():
    return jsonify(logged_in_as=get_jwt_identity())


if __name__ == "__main__":
    wsgi = Wsgi(app)
    tokens = wsgi.request("POST", "/login", {"username": USERNAME, "password": PASSWORD})
    serve(
        {
            "log-in": repeated(lambda: wsgi.request("POST", "/login", {"username": USERNAME, "password": PASSWORD})),
            "refresh": repeated(lambda: wsgi.request("POST", "/refresh", token=tokens["refresh_token"])),
            "protected": repeated(lambda: wsgi.request("GET", "/protected", token=tokens["access_token"])),
        }
    )

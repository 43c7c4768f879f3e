"""The proofs of the browser client, before the verifier of the API."""

import json
import subprocess
import time
from pathlib import Path

from chalicelib.tokens.dpop import ProofVerifier

CLIENT = Path(__file__).parents[2] / "static-site" / "js" / "lychgate.js"
ISSUER = "https://lychgate.example/api"
MAKE_PROOFS = """
const { createClient } = await import(process.argv[1]);
const user = { id: "u1", username: "kim", roles: ["user"] };
const tokens = { access_token: "a", refresh_token: "r", expires_in: 600, user };
const seen = [];
const client = createClient({
  baseUrl: process.argv[2],
  fetch: async (request) => {
    seen.push([request.method, new URL(request.url).pathname.slice("/api".length), request.headers.get("DPoP")]);
    return request.url.endsWith("/logout") ? new Response(null, { status: 204 }) : Response.json(tokens);
  },
});
await client.login("kim", "seven old oak boards");
await client.refresh();
await client.changePassword("seven old oak boards", "eight old oak boards");
await client.logout();
console.log(JSON.stringify(seen));
"""


def test_the_api_takes_each_proof_of_the_client_for_the_request_that_it_came_with(node):
    made = subprocess.run(
        [node, "--input-type=module", "-e", MAKE_PROOFS, CLIENT.as_uri(), ISSUER],
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(made.stdout)
    assert [(method, path) for method, path, _ in seen] == [
        ("POST", "/auth/login"),
        ("POST", "/auth/refresh"),
        ("PUT", "/auth/password"),
        ("POST", "/auth/logout"),
    ]
    verifier = ProofVerifier(issuer=ISSUER, clock=lambda: int(time.time()))
    proofs = [verifier.verify(proof, method=method, path=path) for method, path, proof in seen]
    assert len({proof.key for proof in proofs}) == 1
    assert len({proof.id for proof in proofs}) == len(proofs)
    assert [proof.at for proof in proofs] == sorted(proof.at for proof in proofs)

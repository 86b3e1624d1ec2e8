"""MSAL Python, told what to do: one JSON object a line on standard input, one answer a line on standard output."""

import json
import sys

import msal

SETTINGS = json.loads(sys.argv[1])
apps = {}
flows = {}


def app(secret=None):
    """The client with this secret; each has a token cache of its own."""
    secret = secret or SETTINGS["secret"]
    if secret not in apps:
        apps[secret] = msal.ConfidentialClientApplication(
            SETTINGS["client_id"],
            authority=SETTINGS["authority"],
            client_credential=secret,
            instance_discovery=False,
            verify=SETTINGS["ca_file"],
        )
    return apps[secret]


def account(home_account_id):
    return next((found for found in app().get_accounts() if found["home_account_id"] == home_account_id), None)


def begin(scopes):
    flow = app().initiate_auth_code_flow(scopes, redirect_uri=SETTINGS["redirect_uri"], response_mode="form_post")
    flows[flow["state"]] = flow
    return {"url": flow["auth_uri"]}


def redeem(scopes, returned):
    return app().acquire_token_by_auth_code_flow(flows.pop(returned["state"]), returned, scopes)


def silent(scopes, account_id, force=False):
    return app().acquire_token_silent_with_error(scopes, account(account_id), force_refresh=force)


COMMANDS = {
    "app": lambda scopes, secret=None: app(secret).acquire_token_for_client(scopes),
    "begin": begin,
    "redeem": redeem,
    "silent": silent,
    "obo": lambda scopes, assertion: app().acquire_token_on_behalf_of(assertion, scopes),
}


def answer(result):
    """What the library gave, in the words that all witnesses use. MSAL Python does not raise what Entra refuses."""
    if result is None:
        return {"refused": {"type": "None"}}
    if "url" in result:
        return result
    if "error" in result:
        codes = result.get("error_codes") or [None]
        refused = {"type": "dict", "error": result["error"], "aadsts": codes[0], "suberror": result.get("suberror")}
        return {"refused": refused}
    claims = result.get("id_token_claims")
    # The account as the library keeps it, not as the ID token says it.
    kept = claims and account(f"{claims['oid']}.{claims['tid']}")
    return {
        "token": result["access_token"],
        "source": "cache" if result["token_source"] == "cache" else "entra",
        "account": kept and kept["home_account_id"],
        "username": kept and kept["username"],
    }


for line in sys.stdin:
    command = json.loads(line)
    name = command.pop("do")
    try:
        said = answer(COMMANDS[name](**command))
    except Exception as error:  # whatever it is, the driver must hear of it
        said = {"failed": f"{type(error).__name__}: {error}"}
    print(json.dumps(said), flush=True)

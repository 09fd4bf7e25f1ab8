"""The paths that API Gateway knows, and which function each goes to: everything else is decided by our own resolver.

Chalice describes ``/`` and ``/{proxy+}``. Surfaces with a function of their own get paths of their own on top of that, by
the template that is merged into Chalice's (FACTS.md, Chalice 6).
"""

from typing import Any

ANY = "x-amazon-apigateway-any-method"
EVERYTHING_ELSE = "api_handler"
SURFACES = {
    "/api/voice": "voice_api",
    "/api/voice/webhook": "webhooks_api",
    "/api/webhooks": "webhooks_api",
    "/api/sms": "webhooks_api",
}
"""Prefix -> the function of app.py that serves it. `/api/sms` is Twilio's status callback."""
RESOURCES = {"api_handler": "APIHandler", "voice_api": "VoiceApi", "webhooks_api": "WebhooksApi"}
"""Function -> its resource in the template, as Chalice names it."""


def function_of(path: str) -> str:
    """The function that the gateway calls for a path: that of the longest prefix made of whole segments."""
    fitting = [prefix for prefix in SURFACES if path == prefix or path.startswith(f"{prefix}/")]
    return SURFACES[max(fitting, key=len)] if fitting else EVERYTHING_ELSE


def description() -> dict[str, Any]:
    """What is merged into Chalice's template: paths, binary bodies, and the right of the gateway to call the functions."""
    body = {"x-amazon-apigateway-binary-media-types": ["*/*"], "paths": _paths()}
    functions = sorted({RESOURCES[function] for function in SURFACES.values()})
    return {
        "Resources": {
            "RestAPI": {"Properties": {"DefinitionBody": body}},
            **{f"{name}InvokePermission": _permission(name) for name in functions},
        }
    }


def _paths() -> dict[str, Any]:
    """Every node of the tree with the greedy child below it.

    How API Gateway chooses between a node without a method and a greedy path further up is written nowhere. So no node
    of ours lacks either: the nearest greedy path is always the right one, and no request depends on going back up.
    """
    paths: dict[str, Any] = {"/{proxy+}": {ANY: {"parameters": [_PROXY]}}}
    nodes = {prefix.rsplit("/", depth)[0] for prefix in SURFACES for depth in range(prefix.count("/"))}
    for node in sorted(nodes):
        function = RESOURCES[function_of(node)]
        paths[node] = {ANY: {"x-amazon-apigateway-integration": _integration(function)}}
        paths[f"{node}/{{proxy+}}"] = {
            ANY: {"parameters": [_PROXY], "x-amazon-apigateway-integration": _integration(function)}
        }
    return paths


_PROXY: dict[str, Any] = {"name": "proxy", "in": "path", "required": True, "type": "string"}
"""The greedy variable; Chalice would call it ``proxy+``."""


def _integration(function: str) -> dict[str, Any]:
    """Lambda's proxy integration as Chalice writes it (chalice/deploy/swagger.py)."""
    arn = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions"
    return {
        "uri": {"Fn::Sub": f"{arn}/${{{function}.Arn}}/invocations"},
        "type": "aws_proxy",
        "httpMethod": "POST",
        "passthroughBehavior": "when_no_match",
        "contentHandling": "CONVERT_TO_TEXT",
        "responses": {"default": {"statusCode": "200"}},
    }


def _permission(function: str) -> dict[str, Any]:
    source = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${RestAPI}/*"
    return {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Ref": function},
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": {"Fn::Sub": source},
        },
    }

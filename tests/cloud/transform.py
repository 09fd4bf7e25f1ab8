"""CloudFormation's own transform, AWS::Serverless, as AWS publishes it: template in on standard input, out on standard output.

Run in an environment of its own (tests/cloud/test_template.py): its requirements exclude ours.
"""

import json
import sys

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

if __name__ == "__main__":
    session = boto3.Session(region_name="us-east-1")
    made = Translator({}, Parser(), boto_session=session).translate(json.load(sys.stdin), {})
    json.dump(made, sys.stdout)

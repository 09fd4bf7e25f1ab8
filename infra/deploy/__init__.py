"""Deploys the package with CloudFormation, takes it away again, and asks the operator's function: `make deploy` and others."""

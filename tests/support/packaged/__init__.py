"""The packaged application on this machine, run as AWS would run it: AWS's runtime client on the deployment's zip."""

"""The packaged application on this machine, as on AWS: AWS's runtime client runs the deployment's zip."""

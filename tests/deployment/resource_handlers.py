"""What CloudFormation does in the name of whoever changes a stack, by the type of a resource.

The actions are those of the handlers in the schemas of the resource types, which anybody may read:
`aws cloudformation describe-type --type RESOURCE --type-name AWS::SNS::Topic`, there `handlers` and `tagging`. Of the
actions those are left out that a property needs which the template does not have. ALWAYS has what each resource of the
type needs, OF_PROPERTIES what one with this property needs.
"""

ANYTHING = "*"

_API_KEYS, _USAGE_PLANS, _TAGS = (
    f"arn:${{Partition}}:apigateway:${{Region}}::/{path}" for path in ("apikeys", "usageplans", "tags/*")
)
_DISTRIBUTION, _CONTROL, _HEADERS, _CACHE = (
    f"arn:${{Partition}}:cloudfront::${{Account}}:{kind}/*"
    for kind in ("distribution", "origin-access-control", "response-headers-policy", "cache-policy")
)

MAILER = "arn:${Partition}:lambda:${Region}:${Account}:function:lychgate-${Stage}-mailer"
_MAPPING = "arn:${Partition}:lambda:${Region}:${Account}:event-source-mapping:*"
WEBHOOKS = "arn:${Partition}:lambda:${Region}:${Account}:function:lychgate-${Stage}-webhooks"
_CONFIGURATION_SET = "arn:${Partition}:ses:${Region}:${Account}:configuration-set/lychgate-${Stage}"
_FEEDBACK = "arn:${Partition}:sns:${Region}:${Account}:lychgate-${Stage}-mail-feedback"

ALWAYS = {
    "AWS::ApiGateway::Account": [
        (["apigateway:GET", "apigateway:PATCH"], "arn:${Partition}:apigateway:${Region}::/account"),
    ],
    "AWS::ApiGateway::ApiKey": [
        (["apigateway:POST"], _API_KEYS),
        (["apigateway:DELETE", "apigateway:GET", "apigateway:PATCH"], f"{_API_KEYS}/*"),
        (["apigateway:DELETE", "apigateway:GET", "apigateway:PUT"], _TAGS),
    ],
    "AWS::ApiGateway::UsagePlan": [
        (["apigateway:POST"], _USAGE_PLANS),
        (["apigateway:DELETE", "apigateway:GET", "apigateway:PATCH"], f"{_USAGE_PLANS}/*"),
        (["apigateway:DELETE", "apigateway:GET", "apigateway:PUT"], _TAGS),
    ],
    "AWS::ApiGateway::UsagePlanKey": [
        (["apigateway:DELETE", "apigateway:GET", "apigateway:POST"], f"{_USAGE_PLANS}/*"),
    ],
    "AWS::Budgets::Budget": [
        (
            ["budgets:ListTagsForResource", "budgets:ModifyBudget", "budgets:TagResource", "budgets:ViewBudget"],
            "{name}",
        ),
    ],
    "AWS::CloudFront::CachePolicy": [
        (["cloudfront:CreateCachePolicy"], ANYTHING),
        (
            [
                "cloudfront:DeleteCachePolicy",
                "cloudfront:GetCachePolicy",
                "cloudfront:UpdateCachePolicy",
            ],
            _CACHE,
        ),
    ],
    "AWS::CloudFront::Distribution": [
        (["cloudfront:CreateDistribution"], ANYTHING),
        (
            [
                "cloudfront:DeleteDistribution",
                "cloudfront:GetDistribution",
                "cloudfront:GetDistributionConfig",
                "cloudfront:ListTagsForResource",
                "cloudfront:TagResource",
                "cloudfront:UntagResource",
                "cloudfront:UpdateDistribution",
            ],
            _DISTRIBUTION,
        ),
    ],
    "AWS::CloudFront::OriginAccessControl": [
        (["cloudfront:CreateOriginAccessControl"], ANYTHING),
        (
            [
                "cloudfront:DeleteOriginAccessControl",
                "cloudfront:GetOriginAccessControl",
                "cloudfront:UpdateOriginAccessControl",
            ],
            _CONTROL,
        ),
    ],
    "AWS::CloudFront::ResponseHeadersPolicy": [
        (["cloudfront:CreateResponseHeadersPolicy"], ANYTHING),
        (
            [
                "cloudfront:DeleteResponseHeadersPolicy",
                "cloudfront:GetResponseHeadersPolicy",
                "cloudfront:UpdateResponseHeadersPolicy",
            ],
            _HEADERS,
        ),
    ],
    "AWS::CloudWatch::Alarm": [
        (
            [
                "cloudwatch:DeleteAlarms",
                "cloudwatch:ListTagsForResource",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource",
            ],
            "{prefix}",
        ),
        (["cloudwatch:DescribeAlarms"], "arn:${Partition}:cloudwatch:${Region}:${Account}:alarm:*"),
    ],
    "AWS::CloudWatch::Dashboard": [
        (["cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard", "cloudwatch:PutDashboard"], "{name}"),
    ],
    "AWS::DynamoDB::Table": [
        (
            [
                "dynamodb:CreateTable",
                "dynamodb:DeleteTable",
                "dynamodb:DescribeContinuousBackups",
                "dynamodb:DescribeContributorInsights",
                "dynamodb:DescribeKinesisStreamingDestination",
                "dynamodb:DescribeTable",
                "dynamodb:DescribeTimeToLive",
                "dynamodb:GetResourcePolicy",
                "dynamodb:ListTagsOfResource",
                "dynamodb:TagResource",
                "dynamodb:UntagResource",
                "dynamodb:UpdateContinuousBackups",
                "dynamodb:UpdateTable",
                "dynamodb:UpdateTimeToLive",
            ],
            "{name}",
        ),
    ],
    "AWS::IAM::Role": [
        (
            [
                "iam:AttachRolePolicy",
                "iam:CreateRole",
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:PutRolePolicy",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
            ],
            "{name}",
        ),
    ],
    "AWS::Lambda::EventInvokeConfig": [
        (
            [
                "lambda:DeleteFunctionEventInvokeConfig",
                "lambda:GetFunctionEventInvokeConfig",
                "lambda:PutFunctionEventInvokeConfig",
                "lambda:UpdateFunctionEventInvokeConfig",
            ],
            MAILER,
        ),
    ],
    "AWS::Lambda::EventSourceMapping": [
        (["lambda:CreateEventSourceMapping"], ANYTHING),
        (
            [
                "lambda:DeleteEventSourceMapping",
                "lambda:GetEventSourceMapping",
                "lambda:ListTags",
                "lambda:TagResource",
                "lambda:UntagResource",
                "lambda:UpdateEventSourceMapping",
            ],
            _MAPPING,
        ),
    ],
    "AWS::Lambda::Permission": [
        (["lambda:AddPermission", "lambda:GetPolicy", "lambda:RemovePermission"], MAILER),
    ],
    "AWS::Logs::LogGroup": [
        (
            [
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:DeleteRetentionPolicy",
                "logs:GetDataProtectionPolicy",
                "logs:PutRetentionPolicy",
            ],
            "{name}:*",
        ),
        (["logs:ListTagsForResource", "logs:TagResource", "logs:UntagResource"], "{name}"),
        (["logs:DescribeLogGroups"], ANYTHING),
    ],
    "AWS::Logs::MetricFilter": [
        (
            ["logs:DeleteMetricFilter", "logs:DescribeMetricFilters", "logs:PutMetricFilter"],
            "arn:${Partition}:logs:${Region}:${Account}:log-group:*",
        ),
    ],
    "AWS::Logs::QueryDefinition": [
        (["logs:DeleteQueryDefinition", "logs:DescribeQueryDefinitions", "logs:PutQueryDefinition"], ANYTHING),
    ],
    "AWS::Route53::RecordSet": [
        (
            ["route53:ChangeResourceRecordSets", "route53:GetHostedZone", "route53:ListResourceRecordSets"],
            "arn:${Partition}:route53:::hostedzone/${HostedZoneId}",
        ),
        (["route53:GetChange"], "arn:${Partition}:route53:::change/*"),
    ],
    "AWS::S3::Bucket": [
        (
            [
                "s3:CreateBucket",
                "s3:DeleteBucket",
                "s3:GetAccelerateConfiguration",
                "s3:GetAnalyticsConfiguration",
                "s3:GetBucketCORS",
                "s3:GetBucketLogging",
                "s3:GetBucketNotification",
                "s3:GetBucketObjectLockConfiguration",
                "s3:GetBucketOwnershipControls",
                "s3:GetBucketPublicAccessBlock",
                "s3:GetBucketTagging",
                "s3:GetBucketVersioning",
                "s3:GetBucketWebsite",
                "s3:GetEncryptionConfiguration",
                "s3:GetIntelligentTieringConfiguration",
                "s3:GetInventoryConfiguration",
                "s3:GetLifecycleConfiguration",
                "s3:GetMetricsConfiguration",
                "s3:GetReplicationConfiguration",
                "s3:ListBucket",
                "s3:PutBucketTagging",
            ],
            "{name}",
        ),
    ],
    "AWS::S3::BucketPolicy": [
        (
            ["s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy"],
            "arn:${Partition}:s3:::${SiteBucketName}",
        ),
    ],
    "AWS::SES::ConfigurationSet": [
        (["ses:DescribeConfigurationSet"], ANYTHING),
        (
            [
                "ses:CreateConfigurationSet",
                "ses:DeleteConfigurationSet",
                "ses:GetConfigurationSet",
                "ses:ListTagsForResource",
                "ses:PutConfigurationSetDeliveryOptions",
                "ses:PutConfigurationSetReputationOptions",
                "ses:PutConfigurationSetSuppressionOptions",
                "ses:TagResource",
                "ses:UntagResource",
            ],
            _CONFIGURATION_SET,
        ),
    ],
    "AWS::SES::ConfigurationSetEventDestination": [
        (["ses:DescribeConfigurationSet"], ANYTHING),
        (
            [
                "ses:CreateConfigurationSetEventDestination",
                "ses:DeleteConfigurationSetEventDestination",
                "ses:GetConfigurationSetEventDestinations",
                "ses:UpdateConfigurationSetEventDestination",
            ],
            _CONFIGURATION_SET,
        ),
    ],
    "AWS::SES::EmailIdentity": [
        (
            [
                "ses:CreateEmailIdentity",
                "ses:DeleteEmailIdentity",
                "ses:GetEmailIdentity",
                "ses:ListTagsForResource",
                "ses:PutEmailIdentityConfigurationSetAttributes",
                "ses:PutEmailIdentityDkimAttributes",
                "ses:PutEmailIdentityDkimSigningAttributes",
                "ses:PutEmailIdentityFeedbackAttributes",
                "ses:PutEmailIdentityMailFromAttributes",
                "ses:TagResource",
                "ses:UntagResource",
            ],
            "arn:${Partition}:ses:${Region}:${Account}:identity/*",
        ),
    ],
    "AWS::SNS::Subscription": [
        (
            ["sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes", "sns:Subscribe", "sns:Unsubscribe"],
            _FEEDBACK,
        ),
    ],
    "AWS::SQS::Queue": [
        (
            [
                "sqs:CreateQueue",
                "sqs:DeleteQueue",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ListQueueTags",
                "sqs:SetQueueAttributes",
                "sqs:TagQueue",
                "sqs:UntagQueue",
            ],
            "{name}",
        ),
    ],
    "AWS::SNS::Topic": [
        (
            [
                "sns:CreateTopic",
                "sns:DeleteTopic",
                "sns:GetDataProtectionPolicy",
                "sns:GetTopicAttributes",
                "sns:ListSubscriptionsByTopic",
                "sns:ListTagsForResource",
                "sns:SetTopicAttributes",
                "sns:Subscribe",
                "sns:TagResource",
                "sns:Unsubscribe",
                "sns:UntagResource",
            ],
            "{name}",
        ),
    ],
    "AWS::SNS::TopicPolicy": [
        (
            ["sns:GetTopicAttributes", "sns:SetTopicAttributes"],
            "arn:${Partition}:sns:${Region}:${Account}:lychgate-${Stage}-*",
        ),
    ],
}

OF_PROPERTIES = {
    ("AWS::ApiGateway::Account", "CloudWatchRoleArn"): [
        (["iam:GetRole", "iam:PassRole"], "arn:${Partition}:iam::${Account}:role/lychgate-*"),
    ],
    ("AWS::S3::Bucket", "BucketEncryption"): [(["s3:PutEncryptionConfiguration"], "{name}")],
    ("AWS::S3::Bucket", "LifecycleConfiguration"): [(["s3:PutLifecycleConfiguration"], "{name}")],
    ("AWS::S3::Bucket", "LoggingConfiguration"): [(["s3:PutBucketLogging"], "{name}")],
    ("AWS::S3::Bucket", "OwnershipControls"): [(["s3:PutBucketOwnershipControls"], "{name}")],
    ("AWS::S3::Bucket", "PublicAccessBlockConfiguration"): [(["s3:PutBucketPublicAccessBlock"], "{name}")],
    ("AWS::S3::Bucket", "VersioningConfiguration"): [(["s3:PutBucketVersioning"], "{name}")],
}

NAMES = {
    "AWS::Budgets::Budget": ("Budget.BudgetName", "arn:${Partition}:budgets::${Account}:budget/"),
    "AWS::CloudWatch::Alarm": ("AlarmName", "arn:${Partition}:cloudwatch:${Region}:${Account}:alarm:"),
    "AWS::CloudWatch::Dashboard": ("DashboardName", "arn:${Partition}:cloudwatch::${Account}:dashboard/"),
    "AWS::DynamoDB::Table": ("TableName", "arn:${Partition}:dynamodb:${Region}:${Account}:table/"),
    "AWS::IAM::Role": ("RoleName", "arn:${Partition}:iam::${Account}:role/"),
    "AWS::Logs::LogGroup": ("LogGroupName", "arn:${Partition}:logs:${Region}:${Account}:log-group:"),
    "AWS::S3::Bucket": ("BucketName", "arn:${Partition}:s3:::"),
    "AWS::SNS::Topic": ("TopicName", "arn:${Partition}:sns:${Region}:${Account}:"),
    "AWS::SQS::Queue": ("QueueName", "arn:${Partition}:sqs:${Region}:${Account}:"),
}
"""The property with a resource's name, and what stands before the name in its ARN."""

BESIDE = [
    # What a message of ours tells the operator to do.
    (
        ["cloudformation:ContinueUpdateRollback"],
        "arn:${Partition}:cloudformation:${Region}:${Account}:stack/lychgate-${Stage}/*",
    ),
    # API Gateway makes this role with the first API of an account ("Using service-linked roles for API Gateway" in its
    # Developer Guide).
    (
        ["iam:CreateServiceLinkedRole"],
        "arn:${Partition}:iam::${Account}:role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway",
    ),
    # CloudFront puts its delivery account into the ACL ("Configure standard logging (legacy)" in its Developer Guide).
    (["s3:GetBucketAcl", "s3:PutBucketAcl"], "arn:${Partition}:s3:::${AccessLogBucket}"),
    # "Actions, resources, and condition keys for Amazon CloudFront": who attaches a web ACL has to be able to read it.
    (["wafv2:GetWebACL"], "${WebAclArn}"),
]
"""What is needed beside the handlers: by everybody, or by whoever gives a parameter."""


def needed(resources):
    """The pairs of action and resource, with placeholders, for the resources of a template. Raises LookupError."""
    for logical_id, resource in resources.items():
        kind, properties = resource["Type"], resource.get("Properties", {})
        if kind not in ALWAYS:
            raise LookupError(f"what does CloudFormation do for {logical_id}? Add the handlers of {kind} here")
        of_properties = [each for name in properties for each in OF_PROPERTIES.get((kind, name), [])]
        for actions, where in [*ALWAYS[kind], *of_properties]:
            arn = _placed(where, kind, properties)
            for action in actions:
                yield action, arn
    for actions, arn in BESIDE:
        for action in actions:
            yield action, arn


def _placed(where, kind, properties):
    if "{" not in where.replace("${", ""):
        return where
    path, prefix = NAMES[kind]
    for name in path.split("."):
        if name not in properties:
            raise LookupError(
                f"a resource of the type {kind} needs {path} in the template, for the policies to name it"
            )
        properties = properties[name]
    name = f"{prefix}{_named(properties)}"
    of_stage, found, _ = name.partition("${Stage}-")
    return where.replace("{name}", name).replace("{prefix}", f"{of_stage}{found}*")


def _named(value):
    """A name of the template with our placeholders in place of CloudFormation's."""
    if isinstance(value, dict) and "Fn::If" in value:
        return "${SiteBucketName}"
    text = value["Fn::Sub"] if isinstance(value, dict) else value
    return text.replace("${AWS::AccountId}", "${Account}").replace("${AWS::Region}", "${Region}")

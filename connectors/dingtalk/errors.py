"""What DingTalk's refusals mean to us. The new API says no with HTTP 4xx and {code, message, requestid}."""

from datetime import timedelta

from hub import sdk

SLOW = sdk.Text("钉钉限流，稍后自动继续。", "DingTalk throttles; it goes on by itself.")
TOKEN = sdk.Text("重新填写 AppKey 和 AppSecret。", "Enter the app key and secret again.")
RIGHTS = sdk.Text(
    "在开发者后台为应用开通原话中列出的权限。", "Grant the app the scopes named, in the developer console."
)
ADDRESS = sdk.Text("把本机出口 IP 加入应用的服务器出口 IP。", "Add our egress IP to the app's allowed addresses.")
QUOTA = sdk.Text(
    "本月调用额度用完：购买额度或等到下月后恢复连接。", "The monthly quota is spent: buy more, then resume."
)
FORM = sdk.Text(
    "按原话对照审批模板的控件名称和选项，改映射后重放。", "Match the template's fields as told, then replay."
)
PEOPLE = sdk.Text(
    "检查发起人、部门是否在职且匹配，改正后重放。", "Check that originator and department fit, then replay."
)
TEMPLATE = sdk.Text("检查审批模板是否启用、编码是否正确。", "Check that the template is enabled and its code right.")
BUSY = sdk.Text("钉钉系统繁忙，会先查后发。", "DingTalk is busy; we look before sending again.")
BANNED = timedelta(minutes=5)


def read(answer: sdk.Answer) -> sdk.Refusal | None:
    """None for success. A 200 that carries `punish` is a ban by source IP; anything without a code is unknown."""
    body = answer.body
    if "punish" in body:
        return sdk.Refusal("punish", f"{body.get('status')} {body['punish']}", str(body.get("uuid", "")), BANNED)
    if answer.status < 400:
        return None
    code = str(body.get("code") or body["Code"])
    words = str(body.get("message") or body.get("Message") or code)
    scopes = (body.get("accessdenieddetail") or {}).get("requiredScopes")
    wait = timedelta(seconds=60) if "Qpm" in code else timedelta(seconds=2) if "Limit" in code else None
    request = str(body.get("requestid") or body.get("RequestId") or "")
    return sdk.Refusal(code, f"{words} {scopes or ''}".strip(), request, wait)


DENIED = "Forbidden.AccessDenied."
ERRORS = sdk.ErrorTable(
    read=read,
    rows={
        "punish": sdk.Row(sdk.Throttled, SLOW),
        f"{DENIED}Qps*": sdk.Row(sdk.Throttled, SLOW),
        f"{DENIED}Qpm*": sdk.Row(sdk.Throttled, SLOW),
        "autoflowLikeTriggerRateLimited": sdk.Row(sdk.Throttled, SLOW),
        f"{DENIED}ApiCountLimitForOrg": sdk.Row(sdk.NeedsReauth, QUOTA),
        f"{DENIED}IpNotInWhiteList": sdk.Row(sdk.NeedsReauth, ADDRESS),
        f"{DENIED}*": sdk.Row(sdk.NeedsReauth, RIGHTS),
        "InvalidAuthentication": sdk.Row(sdk.NeedsReauth, TOKEN),
        "invalidClientIdOrSecret": sdk.Row(sdk.NeedsReauth, TOKEN),
        "invalid.client": sdk.Row(sdk.NeedsReauth, TOKEN),
        "Unauthorized*": sdk.Row(sdk.NeedsReauth, TOKEN),
        "needAuth": sdk.Row(sdk.NeedsReauth, RIGHTS),
        "processInstanceInvalidParameter": sdk.Row(sdk.Rejected, PEOPLE),
        "invalidAgentId": sdk.Row(sdk.Rejected, PEOPLE),
        "processCodeError": sdk.Row(sdk.Rejected, TEMPLATE),
        "processGetFailed": sdk.Row(sdk.Rejected, TEMPLATE),
        "processSetupNoPermission": sdk.Row(sdk.Rejected, TEMPLATE),
        "formConverterError": sdk.Row(sdk.Rejected, FORM),
        "illegalComponent": sdk.Row(sdk.Rejected, FORM),
        "invalidParameter": sdk.Row(sdk.Rejected, FORM),
        "systemError": sdk.Row(sdk.Ambiguous, BUSY),
        "internalError": sdk.Row(sdk.Ambiguous, BUSY),
        "sysErrror": sdk.Row(sdk.Ambiguous, BUSY),
        "ServiceUnavailable": sdk.Row(sdk.Ambiguous, BUSY),
    },
)

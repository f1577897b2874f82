"""What a subscriber's answers mean. A 2xx is a yes whatever its body says; everything else is a no."""

from hub import sdk

GONE = sdk.Text(
    "接收方不再接收（410）：问清对方，改地址或停掉流程；要继续就恢复连接，单据都还在。",
    "The receiver wants no more (410): ask it, change the address or stop the flow; resume to go on, nothing is lost.",
)
WRONG = sdk.Text(
    "接收方不认这个内容：对照它的原话改映射，再重放。",
    "The receiver does not take this content: correct the mapping by its words, then replay.",
)
REFUSED = sdk.Text(
    "接收方拒绝：核对它的地址、签名密钥和登录要求；会按时间表自动重发。",
    "The receiver refused: check its address, signing secret and sign-in; it is sent again on the schedule.",
)
FAILED = sdk.Text(
    "接收方内部出错，可能已收下：会用同一个 webhook-id 重发，对方按它去重。",
    "The receiver failed and may have taken it: it is sent again under the same webhook-id.",
)
LATER = sdk.Text("接收方请我们稍后再来，到时自动继续。", "The receiver asks us to come later; it goes on by itself.")
NOWHERE = sdk.Text(
    "在连接里填写接收方地址 out_url 和签名密钥。", "Enter the receiver's address out_url and a signing secret."
)


def read(answer: sdk.Answer) -> sdk.Refusal | None:
    """None for any 2xx: nobody has to answer in JSON, or at all."""
    if 200 <= answer.status < 300:
        return None
    return sdk.Refusal(f"http {answer.status}", answer.text[:200] or "no words")


ERRORS = sdk.ErrorTable(
    read=read,
    rows={
        "http 400": sdk.Row(sdk.Rejected, WRONG),
        "http 410": sdk.Row(sdk.NeedsReauth, GONE),
        "http 422": sdk.Row(sdk.Rejected, WRONG),
        "http 4*": sdk.Row(sdk.Transient, REFUSED),
    },
    default=sdk.Row(sdk.Ambiguous, FAILED),
)

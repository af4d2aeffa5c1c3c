"""The agent's sentences for people: English here, Chinese in the table; the environment decides."""

import os
from typing import Final

CHINESE: Final = {
    "Watchdesk agent": "Watchdesk 代理程序",
    "the agent's settings, a TOML file": "代理配置文件（TOML）",
    "poll the devices and report to the server until stopped": "轮询设备并向服务器上报，直到被停止",
    "make this agent known to the server with a one-time token": "用一次性令牌向服务器注册本代理",
    "check the settings and the last configuration from the server": (
        "检查配置文件和最近一次从服务器取得的配置"
    ),
    "poll targets from a file and measure it": "按文件轮询目标并测量性能",
    "recognise the devices of a file over SNMP": "按文件通过 SNMP 识别设备",
    "file for the results": "结果文件",
    "messages in each round, or commands in all": "每轮发送的消息数，或执行的命令总数",
    "messages or addresses a second; 0: the usual": "每秒的消息数或地址数，0 表示默认",
    "Python program that plays recorded devices": "回放设备录制数据的 Python 程序",
    "bench sweep needs --devices-dir and --replayer.": (
        "bench sweep 需要 --devices-dir 和 --replayer 参数。"
    ),
    "addresses that send": "发送方地址数",
    "make every message another condition": "每条消息都是不同的告警条件",
    "measure the usual program or way beside it": "同时测量通常的程序或方式作为对照",
    "There is no {program} on this machine.": "本机没有安装 {program}。",
    "folder of recordings.tar.xz and truth.jsonl": "存放 recordings.tar.xz 和 truth.jsonl 的目录",
    "Python file with the comparisons that count": "定义评分比较规则的 Python 文件",
    "file for the models learned from all": "用全部数据训练所得模型的输出文件",
    "bench recognise and bench profiles need --devices-dir and --scorer.": (
        "bench recognise 和 bench profiles 需要 --devices-dir 和 --scorer 参数。"
    ),
    "bench poll needs --targets.": "bench poll 需要 --targets 参数。",
    "address of the server, as https://desk.example.org:8400": (
        "服务器地址，例如 https://desk.example.org:8400"
    ),
    "the one-time token, or - to read it from standard input": "一次性令牌；填 - 则从标准输入读取",
    "name of this agent": "本代理的名称",
    "There is no settings file {path}.": "找不到配置文件 {path}。",
    "{path}: {reason}": "{path}：{reason}",
    "This agent is not enrolled yet; run `watchdesk-agent enrol` first.": (
        "本代理尚未注册，请先运行 `watchdesk-agent enrol`。"
    ),
    "This agent is enrolled already as {agent}; remove {path} to enrol it anew.": (
        "本代理已注册为 {agent}；如需重新注册，请先删除 {path}。"
    ),
    "Agent {agent} is running and reports to {server}. Ctrl C ends it.": (
        "代理 {agent} 正在运行，数据上报到 {server}。按 Ctrl C 结束。"
    ),
    "Enrolled as agent {agent}; the secret is in {path}.": "已注册为代理 {agent}，密钥保存在 {path}。",
    "The server refused: {reason}": "服务器拒绝：{reason}",
    "The server cannot be reached: {reason}": "无法连接服务器：{reason}",
    "{path} can be read by others; its mode must be 0600.": "{path} 可被其他用户读取，权限必须为 0600。",
    "{path} is damaged; enrol this agent anew.": "{path} 已损坏，请重新注册本代理。",
    "The settings are in order. Server {server}, data in {data}.": (
        "配置正确。服务器 {server}，数据目录 {data}。"
    ),
    "The last configuration has {n} targets (generation {generation}).": (
        "最近一次配置包含 {n} 个目标（版本 {generation}）。"
    ),
    "There is no configuration from the server yet.": "尚无来自服务器的配置。",
    "Another agent uses {path}.": "{path} 正被另一个代理使用。",
    "{path}: the command of check {name} must begin with an absolute path.": (
        "{path}：检查项 {name} 的命令必须以绝对路径开头。"
    ),
    "{path}: syslog over TLS needs a certificate; name its file in [syslog] certificate.": (
        "{path}：以 TLS 接收 syslog 需要证书，请在 [syslog] certificate 中填写证书文件。"
    ),
    "{path}: the relay '{address}' is no address; write it in numbers.": (
        "{path}：转发主机“{address}”不是 IP 地址，请填写数字形式的地址。"
    ),
    "There is no folder {path} with rules.": "找不到规则目录 {path}。",
    "Stopped: {reason}": "已停止：{reason}",
    "The connection must be https; http is taken for this machine only (127.0.0.0/8, ::1, localhost).": (
        "必须使用 https 连接；http 仅限本机（127.0.0.0/8、::1、localhost）。"
    ),
}


def language() -> str:
    """`zh` or `en`, as the environment says."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def _(text: str) -> str:
    """The sentence in the language of the environment."""
    return CHINESE.get(text, text) if language() == "zh" else text

import { stringify } from 'smol-toml'

/** `policy.toml` with every key. Keys that are commented out show their defaults, or examples if the text says so. */
const TEMPLATE = `\
# Limits what a server can make this machine do. A change takes effect when you save the file.
#
#   fomular-daemon policy check                   checks this file
#   fomular-daemon policy explain COMMAND.json    shows what it would refuse
#
# Only root and the daemon's user may have the right to write to the file. If the file has a mistake, no agent
# is started. A key that is commented out has the value shown here, unless its text calls the value an example.

version = 1

# Permission modes that a server may choose, as the runtime names them. "*" permits all. Two modes let an
# agent do anything without asking: bypassPermissions, and auto, in which Claude Code judges each action
# itself.
# permission_modes = ["default", "plan", "acceptEdits", "dontAsk"]

# Startup files: files in an agent's folder, or above it, that run programs when the agent starts, such as
# hooks and .mcp.json. "ask": a person must permit new and changed files. "listed": only files in
# trusted_repositories are used. "any": all files are used.
# repository_trust = "ask"

# Folders whose startup files are used without asking a person. All folders below these are included.
# trusted_repositories = []

# Changes that a server may make to the runtime's system prompt: "none", "append", or "replace".
# system_prompt = "append"

# Public keys of people. Commands that make agents act must be signed with one of these keys. If the list is
# empty, commands need no signature. \`fomular-daemon key new\` makes a key.
# signed_by = []

[folders]

# Agents may work in these folders and in all folders below them. Links are resolved first. ~ is the home
# folder of the daemon's user.
# allow = ["/"]

# Agents may not work in these folders, or in any folder below them, even if \`allow\` permits it.
# deny = []

[tools]

# Tools and rules that are denied to every agent, such as "WebFetch" or "Bash(sudo *)".
# deny = []

# Tools and rules that a server may permit without asking a person. "*" permits all.
# allow = ["Read", "Glob", "Grep", "LS", "NotebookRead", "TodoWrite"]

[mcp]

# MCP servers (programs or addresses) that a server may add to an agent: "none", those "listed" below, or
# "any".
# servers = "listed"

# Example of a permitted MCP server. It may have a url instead of a command. Repeat the table for each server.
# [[mcp.listed]]
# name = "tickets"
# command = "/usr/local/bin/tickets-mcp --read-only"

[environment]

# Names of variables that a server may set for an agent; "*" at either end stands for any text. "*" alone does
# not include names that determine which programs run, where they connect, or with which login: PATH, LD_*,
# NODE_OPTIONS, *_PROXY, *_BASE_URL, *_TOKEN, and others. List such names explicitly. "**" includes all names.
# set = ["*"]

# Names of the daemon's variables that agents inherit, in the same form. Here, "*" alone includes all names.
# Agents always inherit variables that every program needs, such as PATH and HOME.
# inherit = ["*"]

[budgets]

# Maximum costs, in US dollars. The values are examples; by default, there are no limits.
# usd_per_agent = 50
# usd_per_day = 200

[limits]

# Maximum number of starts and resumes within an hour. The value is an example; by default, there is no limit.
# starts_per_hour = 60

# Maximum number of running agents. The value is an example; by default, the daemon's setting max_agents
# applies.
# agents = 20

[idle]

# Minutes after which an idle agent is stopped. Its next prompt resumes it. The value is an example; by
# default, no agent is stopped.
# stop_after_min = 60

# Maximum number of idle agents that keep running. The value is an example; by default, there is no limit.
# keep = 5

[turns]

# Minutes after which a turn is reported. The value is an example; by default, no turn is reported.
# report_after_min = 30

# Minutes after which a turn is interrupted. The value is an example; by default, no turn is interrupted.
# interrupt_after_min = 120

[resources]

# Memory of the machine that must stay free, in MiB. An agent that would probably use this memory is not
# started. The value is an example; the default is 512, but at most an eighth of the machine's memory.
# memory_reserve_mb = 512

# Maximum memory of an agent with everything that it starts, in MiB: the kernel ends a process that needs more.
# This limit and the limits below need control groups, which the service has under systemd 254 or later. Without
# control groups, no agent is started. The value is an example; by default, there is no limit.
# memory_max_mb = 8192

# Memory of an agent, in MiB, above which the kernel slows the agent down and reclaims memory. The value is an
# example; by default, there is no such limit.
# memory_high_mb = 6144

# Weight of an agent when programs compete for the processors, from 1 to 10000. Other programs usually have 100.
# The value is an example; the default is 100.
# cpu_weight = 50

# Maximum number of an agent's processes and threads. The value is an example; by default, there is no limit.
# tasks_max = 2000

[isolation]

# "bubblewrap": agents see a read-only system, and can write only to their folders. "none": there is no
# sandbox.
# sandbox = "none"

# Network of agents in a sandbox: "host" or "none".
# network = "host"

# User that agents run as, so that they cannot reach the files of the daemon's user. The daemon must run as
# root. An example; by default, agents run as the daemon's user.
# agent_user = "agents"

[update]

# Permits a server to update this program.
# allow = true

# Range of permitted versions. The value is an example; by default, all versions are permitted.
# versions = ">=0.2.0"

# Times at which a server may update, in the machine's time zone. The value is an example; by default, a
# server may update at any time.
# window = "02:00-05:00"

# If true, the version must be signed with the release key of this program.
# signature = false

[commands]

# Commands that are refused, by their names in the protocol, such as "daemon:update".
# deny = []

[redact]

# Names of variables, in the form of environment.inherit. Their values are blanked in all messages to the
# server.
# variables = []

# Texts that match these regular expressions are blanked. Assertions (^, $, \\b, lookaround) and
# backreferences are not supported. A typical expression is 'sk-[A-Za-z0-9_-]{20,}'.
# patterns = []

# A program on this machine that can refuse commands that make agents act or change the machine. It reads each
# such command as JSON. If it takes longer than timeout_s seconds, the command is refused. The values are
# examples; by default, there is no such program.
# [gate]
# program = "/usr/local/bin/fomular-gate"
# timeout_s = 5

# Permitted runtimes, with the paths and ranges of versions of their programs. The values are examples;
# without such a table, all runtimes are permitted.
# [runtimes.claude]
# path = "/usr/local/bin/claude"
# versions = ">=2.1.0"
`

/** Values for some keys, by their names, such as `folders.allow`. Other keys keep their defaults. */
export type PolicyChoices = Partial<Record<string, unknown>>

/** Returns the text of a policy that has the chosen values, and explains every key. */
export function policyText(choices: PolicyChoices): string {
  let section = ''
  const left = new Map(Object.entries(choices))
  const lines = TEMPLATE.split('\n').map((line) => {
    section = /^(?:# )?\[+([\w.]+)\]/.exec(line)?.[1] ?? section
    const [, key] = /^# (\w+) = /.exec(line) ?? []
    const name = section === '' ? key : `${section}.${key}`
    if (key === undefined || name === undefined || !left.has(name)) return line
    const value = left.get(name)
    left.delete(name)
    return stringify({ [key]: value }).trim()
  })
  if (left.size > 0) throw new Error(`no such keys: ${[...left.keys()].join(', ')}`)
  return lines.join('\n')
}

import { stringify } from 'smol-toml'

/** `policy.toml` with every key. Keys that are commented out show their defaults, or examples where the text says so. */
const TEMPLATE = `\
# What a server may have this machine do. The daemon obeys each change when you save the file.
#
#   fomular-daemon policy check                   checks this file
#   fomular-daemon policy explain COMMAND.json    says what it would refuse
#
# Only root and the daemon's user may be able to write to it. With a mistake in it, no agent is started.
# A key that is commented out has the value shown here, unless its text calls the value an example.

version = 1

# Permission modes that a server may choose, as the runtime names them. "*" permits all. Two modes let an agent
# do anything without asking: bypassPermissions, and auto, in which Claude Code judges each action itself.
# permission_modes = ["default", "plan", "acceptEdits", "dontAsk"]

# Files of a folder, and above it, that run programs when an agent starts, such as hooks and .mcp.json: "ask" a
# person about new and changed ones, use only those in trusted_repositories ("listed"), or use "any".
# repository_trust = "ask"

# Folders, with everything below, whose files are used without a question.
# trusted_repositories = []

# The most that a server may do to the runtime's system prompt: "none", "append", or "replace".
# system_prompt = "append"

# Public keys of people: commands that make agents act must be signed with one of them. Empty: no signatures.
# \`fomular-daemon key new\` makes a key.
# signed_by = []

[folders]

# Folders, with everything below, in which agents may work. Links are resolved first. ~ is the home folder of
# the daemon's user.
# allow = ["/"]

# Folders, with everything below, in which agents may not work, even if they are allowed above.
# deny = []

[tools]

# Tools and rules that every agent is denied, such as "WebFetch" or "Bash(sudo *)".
# deny = []

# Tools and rules that a server may permit without asking a person. "*" permits all.
# allow = ["Read", "Glob", "Grep", "LS", "NotebookRead", "TodoWrite"]

[mcp]

# MCP servers, which are programs or addresses, that a server may add to an agent: "none", "listed" below, or
# "any".
# servers = "listed"

# Example of a permitted MCP server. Instead of a command, it may have a url. Repeat the table for more.
# [[mcp.listed]]
# name = "tickets"
# command = "/usr/local/bin/tickets-mcp --read-only"

[environment]

# Names of variables that a server may set for an agent; "*" at either end stands for any text. "*" alone
# leaves out names that change which programs run, where they connect, or as whom, such as PATH, LD_*,
# NODE_OPTIONS, *_PROXY, *_BASE_URL, and *_TOKEN. List these by name. "**" includes all.
# set = ["*"]

# Names of the daemon's variables that agents inherit, in the same form. Here, "*" alone includes all. Agents
# always get those that programs need to run, such as PATH and HOME.
# inherit = ["*"]

[budgets]

# Maximum costs, in US dollars. Examples; by default, there are no limits.
# usd_per_agent = 50
# usd_per_day = 200

[limits]

# Maximum number of starts and resumes within an hour. An example; by default, there is no limit.
# starts_per_hour = 60

# Maximum number of running agents. An example; by default, the daemon's setting max_agents.
# agents = 20

[idle]

# Minutes after which an idle agent is stopped. Its next prompt resumes it. An example; by default, none.
# stop_after_min = 60

# Maximum number of idle agents that keep running. An example; by default, there is no limit.
# keep = 5

[turns]

# Minutes after which a turn, or one tool in it, is reported. An example; by default, none.
# report_after_min = 30

# Minutes after which that turn is interrupted. An example; by default, none.
# interrupt_after_min = 120

[resources]

# Memory of the machine that agents leave free, in MiB: no agent is started that would probably use it. An
# example; by default, 512, but at most an eighth of the machine's memory.
# memory_reserve_mb = 512

[isolation]

# "bubblewrap": agents see a read-only system, and write only to their folders. Or "none".
# sandbox = "none"

# Network of agents in a sandbox: "host", or "none".
# network = "host"

[update]

# Permits a server to update this program.
# allow = true

# Range of permitted versions. An example; by default, all.
# versions = ">=0.2.0"

# Times at which a server may update, in the machine's time zone. An example; by default, all.
# window = "02:00-05:00"

# Requires the signature of this program's release.
# signature = false

[commands]

# Commands that are refused, by their names in the protocol, such as "daemon:update".
# deny = []

[redact]

# Names of variables whose values are blanked in what leaves this machine, in the form of environment.inherit.
# variables = []

# Regular expressions of texts that are blanked, without assertions (^, $, \\b, lookaround) and backreferences,
# such as 'sk-[A-Za-z0-9_-]{20,}'.
# patterns = []

# A program of this machine that reads each command as JSON, and may refuse it. An example; by default, none.
# It has refused if it takes longer than timeout_s, in seconds.
# [gate]
# program = "/usr/local/bin/fomular-gate"
# timeout_s = 5

# Permitted runtimes, with the paths and ranges of versions of their programs. An example; without such a
# table, all runtimes are permitted.
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

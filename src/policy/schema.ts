import validRange from 'semver/ranges/valid.js'
import * as z from 'zod/mini'
import { parseWindow } from '../config/readers.ts'
import { PUBLIC_KEY } from './public-key.ts'
import { Patterns } from './redaction/patterns.ts'

/** Maximum number of entries in a list of the file. */
const ENTRIES = 1000
/** Maximum length of a name or pattern in the file, in characters. */
const NAME_CHARS = 256
/** Maximum length of a path in the file, in characters. */
const PATH_CHARS = 4096
/** Maximum length of a user's name, in characters. Linux permits 32; directory services add a domain. */
const USER_CHARS = 128

const Name = z.string().check(z.minLength(1), z.maxLength(NAME_CHARS))
const Path = z.string().check(z.maxLength(PATH_CHARS), z.startsWith('/'))
/** `~/` is the home folder of the daemon's user. */
const Folder = z
  .string()
  .check(z.maxLength(PATH_CHARS), z.regex(/^(\/|~\/|~$)/, 'must be an absolute path or begin with ~/'))
const names = (defaults: string[]) => z._default(z.array(Name).check(z.maxLength(ENTRIES)), defaults)
const folders = (defaults: string[]) => z._default(z.array(Folder).check(z.maxLength(ENTRIES)), defaults)
const amount = z.number().check(z.positive())
const count = z.int().check(z.minimum(1), z.maximum(1_000_000))
/** An amount of memory, in MiB. */
const mebibytes = z.int().check(z.minimum(1), z.maximum(2 ** 30))
/** Returns the schema of a table of the file. If the file omits the table, its keys have their defaults. */
const section = <T extends z.core.$ZodShape>(shape: T) => z.prefault(z.strictObject(shape), {} as never)

/**
 * Permission modes that are permitted by default: a tool that runs a program needs a person's approval or is
 * refused.
 */
const CAREFUL_MODES = ['default', 'plan', 'acceptEdits', 'dontAsk']
/** Tools that only read files. */
const READING_TOOLS = ['Read', 'Glob', 'Grep', 'LS', 'NotebookRead', 'TodoWrite']

/**
 * `policy.toml`: limits what a server can make this machine do. If the file omits a key, the key has its
 * default. With the defaults, no program runs without a person's permission.
 */
export const PolicyFile = z.strictObject({
  version: z.literal(1),
  folders: section({
    /**
     * Folders for `cwd` and `add_dirs`: agents may use them and all folders below them. Links are resolved
     * first.
     */
    allow: folders(['/']),
    /** Folders that agents may not use, with all folders below them. Takes precedence over `allow`. */
    deny: folders([]),
  }),
  /** Permitted runtimes by name. Without this table, all runtimes are permitted. */
  runtimes: z.optional(
    z.record(
      Name,
      z.strictObject({
        /** Path of the permitted program. Links are resolved first. */
        path: z.optional(Path),
        /** Range of versions, such as `>=2.1.0`. */
        versions: z.optional(
          Name.check(z.refine((text) => validRange(text) !== null, 'must be a range of versions')),
        ),
      }),
    ),
  ),
  /** Permitted permission modes, as the runtime names them; `*` permits all. */
  permission_modes: names(CAREFUL_MODES),
  tools: section({
    /** Tools and rules that are denied to every agent. */
    deny: names([]),
    /** Tools and rules that a server may permit without asking a person; `*` permits all. */
    allow: names(READING_TOOLS),
  }),
  mcp: section({
    /** MCP servers that a specification may have: `none`, `listed` (only those in `listed`), or `any`. */
    servers: z._default(z.enum(['none', 'listed', 'any']), 'listed'),
    /** Permitted servers. `command` includes its arguments, separated by spaces. */
    listed: z._default(
      z
        .array(z.strictObject({ name: Name, command: z.optional(Path), url: z.optional(z.url()) }))
        .check(z.maxLength(ENTRIES)),
      [],
    ),
  }),
  /**
   * Rule for startup files: files in an agent's folder, or above it, that run programs when the agent starts,
   * such as hooks and `.mcp.json`. `ask`: a person must permit new and changed files. `listed`: only files in
   * `trusted_repositories` are used. `any`: all files are used.
   */
  repository_trust: z._default(z.enum(['ask', 'listed', 'any']), 'ask'),
  /** Folders whose startup files are used without asking a person. All folders below these are included. */
  trusted_repositories: folders([]),
  environment: section({
    /**
     * Names of variables that a server may set; `*` at either end stands for any text. `*` alone does not include
     * `GUARDED_NAMES`, which must be listed; `**` includes all.
     */
    set: names(['*']),
    /**
     * Names of the daemon's variables that agents inherit, in the same form; `*` alone includes all. Agents
     * always inherit variables that every program needs, such as `PATH` and `HOME`.
     */
    inherit: names(['*']),
  }),
  /**
   * Changes that a specification may make to the runtime's system prompt: none, appending to it, or also
   * replacing it.
   */
  system_prompt: z._default(z.enum(['none', 'append', 'replace']), 'append'),
  /** Maximum costs, in US dollars. */
  budgets: section({
    usd_per_agent: z.optional(amount),
    usd_per_day: z.optional(amount),
  }),
  limits: section({
    /** Maximum number of starts and resumes by command within an hour. */
    starts_per_hour: z.optional(z.int().check(z.minimum(1), z.maximum(10_000))),
    /** Maximum number of running agents. */
    agents: z.optional(count),
  }),
  idle: section({
    /** Minutes after which an idle agent is stopped. Its next prompt resumes it. */
    stop_after_min: z.optional(amount),
    /** Maximum number of idle agents that keep running. */
    keep: z.optional(z.int().check(z.minimum(0))),
  }),
  turns: section({
    /** Minutes after which a turn is reported in the agent's status. */
    report_after_min: z.optional(amount),
    /** Minutes after which a turn is interrupted. */
    interrupt_after_min: z.optional(amount),
  }),
  resources: section({
    /**
     * Memory of the machine that must stay free, in MiB. An agent that would probably use this memory is not
     * started. By default 512, but at most an eighth of the machine's memory.
     */
    memory_reserve_mb: z.optional(z.int().check(z.minimum(0))),
    /**
     * Maximum memory of an agent with all its processes, in MiB. If they need more, the kernel ends one of
     * the processes.
     */
    memory_max_mb: z.optional(mebibytes),
    /**
     * Memory of an agent with all its processes, in MiB, above which the kernel slows these processes down.
     */
    memory_high_mb: z.optional(mebibytes),
    /** Weight of an agent when programs compete for the processors; the usual weight is 100. */
    cpu_weight: z.optional(z.int().check(z.minimum(1), z.maximum(10_000))),
    /** Maximum number of an agent's processes and threads. */
    tasks_max: z.optional(z.int().check(z.minimum(1))),
  }),
  isolation: section({
    /** `bubblewrap`: agents see a read-only system and write only to their folders. */
    sandbox: z._default(z.enum(['none', 'bubblewrap']), 'none'),
    /** Network of sandboxed agents: `host`, or `none`. */
    network: z._default(z.enum(['host', 'none']), 'host'),
    /** Name of the user that agents run as, if this is not the daemon's user. */
    agent_user: z.optional(
      z
        .string()
        .check(z.maxLength(USER_CHARS), z.regex(/^[A-Za-z_][\w.@-]*\$?$/, 'must be the name of a user')),
    ),
  }),
  update: section({
    /** Permits a server to update this program. */
    allow: z._default(z.boolean(), true),
    /** Range of permitted versions. */
    versions: z.optional(
      Name.check(z.refine((text) => validRange(text) !== null, 'must be a range of versions')),
    ),
    /** Times at which a server may update, such as `02:00-05:00`, in the machine's time zone. */
    window: z.optional(
      Name.check(
        z.refine((text) => parseWindow(text) !== undefined, 'must be a range of times such as 02:00-05:00'),
      ),
    ),
    /** If true, the version must be signed with the release key of this program. */
    signature: z._default(z.boolean(), false),
  }),
  commands: section({
    /** Commands that are refused, by their names in the protocol, such as `daemon:update`. */
    deny: names([]),
  }),
  /**
   * Public keys of people (Ed25519, as `ed25519:` and base64). Commands that make agents act must be signed
   * with one of these keys. If the list is empty, commands need no signature.
   */
  signed_by: z._default(
    z
      .array(z.string().check(z.regex(PUBLIC_KEY, 'must be a public key from `fomular-daemon key show`')))
      .check(z.maxLength(ENTRIES)),
    [],
  ),
  redact: section({
    /**
     * Names of variables, as in `environment.inherit`. Their values are blanked in all messages to the
     * server.
     */
    variables: names([]),
    /**
     * Regular expressions without assertions and backreferences. Texts that match are blanked in all messages
     * to the server.
     */
    patterns: z._default(Patterns, []),
  }),
  /**
   * A program on this machine that can refuse two kinds of commands: commands that make agents act, and
   * commands that change the machine. It reads each such command as JSON.
   */
  gate: z.optional(
    z.strictObject({
      program: Path,
      /** Time limit, in seconds. If the program takes longer, the command is refused. */
      timeout_s: z._default(amount.check(z.maximum(60)), 5),
    }),
  ),
})
export type Policy = z.infer<typeof PolicyFile>

/**
 * Policy of a machine that has no policy file, and whose server is on another machine: each key has its
 * default.
 */
export const CAREFUL: Policy = PolicyFile.parse({ version: 1 })

/**
 * Policy for a machine without a policy file: the server may do everything that the daemon's user can do.
 */
export const OPEN: Policy = PolicyFile.parse({
  version: 1,
  permission_modes: ['*'],
  tools: { allow: ['*'] },
  mcp: { servers: 'any' },
  repository_trust: 'any',
  environment: { set: ['**'] },
  system_prompt: 'replace',
})

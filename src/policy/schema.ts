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

const Name = z.string().check(z.minLength(1), z.maxLength(NAME_CHARS))
const Path = z.string().check(z.maxLength(PATH_CHARS), z.startsWith('/'))
/** `~/` is the home of the daemon's user. */
const Folder = z
  .string()
  .check(z.maxLength(PATH_CHARS), z.regex(/^(\/|~\/|~$)/, 'must be an absolute path or begin with ~/'))
const names = (defaults: string[]) => z._default(z.array(Name).check(z.maxLength(ENTRIES)), defaults)
const folders = (defaults: string[]) => z._default(z.array(Folder).check(z.maxLength(ENTRIES)), defaults)
const amount = z.number().check(z.positive())
const count = z.int().check(z.minimum(1), z.maximum(1_000_000))
/** Returns the schema of a table of the file. If the file omits it, its keys have their defaults. */
const section = <T extends z.core.$ZodShape>(shape: T) => z.prefault(z.strictObject(shape), {} as never)

/** Permission modes in which a person decides about every tool that changes something, or about none. */
const CAREFUL_MODES = ['default', 'plan', 'acceptEdits', 'dontAsk']
/** Tools that only read files. */
const READING_TOOLS = ['Read', 'Glob', 'Grep', 'LS', 'NotebookRead', 'TodoWrite']

/**
 * `policy.toml`: what a server may have this machine do. A key that the file omits has its default, which permits nothing
 * that runs a program without a person's permission.
 */
export const PolicyFile = z.strictObject({
  version: z.literal(1),
  folders: section({
    /** Folders, with everything below, in which `cwd` and `add_dirs` may be, after links are resolved. */
    allow: folders(['/']),
    /** Folders, with everything below, in which they may not be. Takes precedence over `allow`. */
    deny: folders([]),
  }),
  /** Permitted runtimes by name. Without this table, all runtimes are permitted. */
  runtimes: z.optional(
    z.record(
      Name,
      z.strictObject({
        /** Path of the program, after links are resolved. */
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
    /** Tools and rules that every agent is denied. */
    deny: names([]),
    /** Tools and rules that a server may permit without asking a person; `*` permits all. */
    allow: names(READING_TOOLS),
  }),
  mcp: section({
    /** MCP servers in a specification: `none`, `listed` (only those in `listed`), or `any`. */
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
   * Files of an agent's folder, and above it, that run programs when the agent starts, such as hooks and `.mcp.json`:
   * `ask` a person about new and changed ones, use only those in `trusted_repositories` (`listed`), or use `any`.
   */
  repository_trust: z._default(z.enum(['ask', 'listed', 'any']), 'ask'),
  /** Folders, with everything below, whose files are used without a question. */
  trusted_repositories: folders([]),
  environment: section({
    /**
     * Names of variables that a server may set; `*` at either end stands for any text. `*` alone does not include
     * `GUARDED_NAMES`, which must be listed; `**` includes all.
     */
    set: names(['*']),
    /**
     * Names of the daemon's variables that agents inherit, in the same form; `*` alone includes all. Programs always get
     * those that they need to run at all, such as `PATH` and `HOME`.
     */
    inherit: names(['*']),
  }),
  /** The most that a specification may do to the runtime's system prompt. */
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
    /** Minutes after which a turn, or one tool of it, is reported. */
    report_after_min: z.optional(amount),
    /** Minutes after which the turn is interrupted. */
    interrupt_after_min: z.optional(amount),
  }),
  resources: section({
    /**
     * Memory of the machine that agents leave free, in MiB: no agent is started that would probably use it. By default
     * 512, but at most an eighth of the machine's memory.
     */
    memory_reserve_mb: z.optional(z.int().check(z.minimum(0))),
  }),
  isolation: section({
    /** `bubblewrap`: agents see a read-only system and write only to their folders. */
    sandbox: z._default(z.enum(['none', 'bubblewrap']), 'none'),
    /** Network of sandboxed agents: `host`, or `none`. */
    network: z._default(z.enum(['host', 'none']), 'host'),
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
    /** Requires the signature of this program's release. */
    signature: z._default(z.boolean(), false),
  }),
  commands: section({
    /** Commands that are refused, by their names in the protocol, such as `daemon:update`. */
    deny: names([]),
  }),
  /** Public keys (Ed25519, `ed25519:` and base64) of the people whose signature a command must carry. Empty: none. */
  signed_by: z._default(
    z
      .array(z.string().check(z.regex(PUBLIC_KEY, 'must be a public key from `fomular-daemon key show`')))
      .check(z.maxLength(ENTRIES)),
    [],
  ),
  redact: section({
    /** Names of variables whose values are blanked in what leaves this machine, as in `environment.inherit`. */
    variables: names([]),
    /** Regular expressions of texts that are blanked, without assertions and backreferences. */
    patterns: z._default(Patterns, []),
  }),
  /** A program of this machine that sees every command as JSON, and may refuse it. */
  gate: z.optional(
    z.strictObject({
      program: Path,
      /** Time limit, in seconds. A program that takes longer has refused. */
      timeout_s: z._default(amount.check(z.maximum(60)), 5),
    }),
  ),
})
export type Policy = z.infer<typeof PolicyFile>

/** Policy of a machine without a file whose server is elsewhere: the defaults of all keys. */
export const CAREFUL: Policy = PolicyFile.parse({ version: 1 })

/** Policy of a machine without a file that trusts its server with everything that its user may do. */
export const OPEN: Policy = PolicyFile.parse({
  version: 1,
  permission_modes: ['*'],
  tools: { allow: ['*'] },
  mcp: { servers: 'any' },
  repository_trust: 'any',
  environment: { set: ['**'] },
  system_prompt: 'replace',
})

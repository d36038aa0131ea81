import type { Explained } from '../runtime.ts'
import { known } from './fields.ts'

const AS_ROOT: Explained = {
  message: 'Claude Code does not run with the permission mode bypassPermissions as root.',
  remedy:
    'Choose another permission mode, or run the daemon as another user. In a container that holds nothing of value, set IS_SANDBOX=1 for the agent (--env IS_SANDBOX=1).',
}

/** Messages of Claude Code that name a flag that nobody gave, or do not say what to do. */
const EXPLAINED: [RegExp, Explained][] = [
  [/dangerously-skip-permissions.*\b(?:root|sudo)\b/i, AS_ROOT],
  [
    /bypassPermissions.*not launched with --dangerously-skip-permissions/i,
    {
      message:
        'A running agent changes to the permission mode bypassPermissions only if it was started in it.',
      remedy: 'Start an agent with --permission-mode bypassPermissions.',
    },
  ],
]

/** Beginning of a message that is looked at, in characters: a refusal is one sentence. */
const MESSAGE_CHARS = 2000

const SIGN_IN = 'Sign in with an account that the organization allows (`claude auth login`).'
const NETWORK = 'Check the connection to Anthropic, then start the agent again.'

/** Remedies for refusals to start, by Claude Code's name for the reason. */
const REMEDIES: Record<string, string> = {
  cli_version_too_old: 'Update Claude Code.',
  config_file_invalid: 'Repair the file that it names.',
  cwd_unavailable: 'Start an agent in a folder that exists and that this user may read.',
  gateway_access_denied: SIGN_IN,
  gateway_signin_required: SIGN_IN,
  managed_settings_invalid: 'Have the managed settings of this machine corrected.',
  org_config_refused: SIGN_IN,
  org_config_required_unavailable: NETWORK,
  org_pin_api_key_conflict: `Take the API key out of the environment. ${SIGN_IN}`,
  org_pin_mismatch: SIGN_IN,
  org_verify_failed: NETWORK,
  provider_not_allowed: 'Use an API provider that the managed settings allow.',
  proxy_invalid: 'Set the proxy to a complete URL, such as http://proxy.example:3128.',
  remote_settings_required_unavailable: NETWORK,
  sandbox_required_unavailable: 'Make the sandbox available, for instance by installing bubblewrap.',
  session_held_by_background: 'End the background session first, or fork the session.',
  sideload_flags_disabled: 'Start the agent without MCP servers of its own.',
  temp_dir_unusable: 'Give the agent another folder for temporary files (--env TMPDIR=/path).',
}

/** Older versions, such as 2.1.260, give no name for it. */
const INVALID_PROXY = /^Invalid proxy URL\b/

export function explain(words: string, reason?: string): Explained | undefined {
  const found = EXPLAINED.find(([pattern]) => pattern.test(words.slice(0, MESSAGE_CHARS)))?.[1]
  if (found || reason === 'bypass_root') return found ?? AS_ROOT
  const name = reason ?? (INVALID_PROXY.test(words) ? 'proxy_invalid' : undefined)
  const remedy = known(REMEDIES, name)
  return remedy === undefined || words === '' ? undefined : { message: words, remedy }
}

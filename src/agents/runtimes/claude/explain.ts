import type { Explained } from '../program.ts'
import { known } from './fields.ts'

const AS_ROOT: Explained = {
  message: 'Claude Code refuses to run in permission mode bypassPermissions as root.',
  remedy:
    'Choose another permission mode, or run the daemon as another user. In a disposable container, set IS_SANDBOX=1 for the agent (--env IS_SANDBOX=1).',
}

/**
 * Better texts for some messages of Claude Code: these messages lack a remedy, or mention a flag that the
 * user did not set.
 */
const EXPLAINED: [RegExp, Explained][] = [
  [/dangerously-skip-permissions.*\b(?:root|sudo)\b/i, AS_ROOT],
  [
    /bypassPermissions.*not launched with --dangerously-skip-permissions/i,
    {
      message:
        'A running agent cannot switch to the permission mode bypassPermissions unless it was started in that mode.',
      remedy: 'Start an agent with --permission-mode bypassPermissions.',
    },
  ],
]

/**
 * Number of characters at the start of a message that are searched. Longer searches are not needed, because
 * each message is one sentence long.
 */
const MESSAGE_CHARS = 2000

const SIGN_IN = 'Sign in with an account that the organization allows (`claude auth login`).'
const NETWORK = 'Check the connection to Anthropic, then start the agent again.'

/** Remedies for cases in which Claude Code refuses to start, by Claude Code's name for the reason. */
const REMEDIES: Record<string, string> = {
  cli_version_too_old: 'Update Claude Code.',
  config_file_invalid: 'Correct the configuration file that the message names.',
  cwd_unavailable: 'Start an agent in a folder that exists and is readable for this user.',
  gateway_access_denied: SIGN_IN,
  gateway_signin_required: SIGN_IN,
  managed_settings_invalid: 'Ask your administrator to correct the managed settings of this machine.',
  org_config_refused: SIGN_IN,
  org_config_required_unavailable: NETWORK,
  org_pin_api_key_conflict: `Remove the API key from the environment. ${SIGN_IN}`,
  org_pin_mismatch: SIGN_IN,
  org_verify_failed: NETWORK,
  provider_not_allowed: 'Use an API provider that the managed settings allow.',
  proxy_invalid: 'Set the proxy to a complete URL, such as http://proxy.example:3128.',
  remote_settings_required_unavailable: NETWORK,
  sandbox_required_unavailable: 'Make the sandbox available, for example by installing bubblewrap.',
  session_held_by_background: 'End the background session of Claude Code first, or fork the session.',
  sideload_flags_disabled: 'Start the agent without MCP servers in its specification.',
  temp_dir_unusable: 'Set another folder for temporary files (--env TMPDIR=/path).',
}

/** Message of older versions, such as 2.1.260, which do not name the reason. */
const INVALID_PROXY = /^Invalid proxy URL\b/

export function explain(words: string, reason?: string): Explained | undefined {
  const found = EXPLAINED.find(([pattern]) => pattern.test(words.slice(0, MESSAGE_CHARS)))?.[1]
  if (found || reason === 'bypass_root') return found ?? AS_ROOT
  const name = reason ?? (INVALID_PROXY.test(words) ? 'proxy_invalid' : undefined)
  const remedy = known(REMEDIES, name)
  return remedy === undefined || words === '' ? undefined : { message: words, remedy }
}

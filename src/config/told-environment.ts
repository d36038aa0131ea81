/** Variables that decide which programs, logins and authorities a process finds. None of them is a secret. */
const TELLING = [
  'HOME',
  'PATH',
  'CLAUDE_CONFIG_DIR',
  'FOMULAR_CLAUDE_PATH',
  'ANTHROPIC_BASE_URL',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
]
/** Logins of Claude Code: only their names are told. */
const SECRET =
  /^(ANTHROPIC_(API_KEY|AUTH_TOKEN)|CLAUDE_CODE_(OAUTH_TOKEN|USE_BEDROCK|USE_VERTEX|USE_FOUNDRY))$/

export interface ToldEnvironment {
  variables: Record<string, string>
  /** Names of variables that log an agent in. */
  logins: string[]
}

/** What a person who looks for a difference to another environment needs of this one. */
export function toldEnvironment(env: NodeJS.ProcessEnv): ToldEnvironment {
  const variables = TELLING.flatMap((name) =>
    env[name] ? [[name, withoutPassword(env[name])] as const] : [],
  )
  return {
    variables: Object.fromEntries(variables),
    logins: Object.keys(env)
      .filter((name) => SECRET.test(name) && env[name])
      .sort(),
  }
}

/** An address may have one in it, up to the last "@" before its path. */
const withoutPassword = (text: string) => text.replace(/\/\/[^/?#]*@/, '//')

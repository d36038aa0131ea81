/** Variables that decide which programs, logins and authorities a process finds. None of them is secret. */
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
/** Logins of Claude Code, of which only the names are reported. */
const SECRET =
  /^(ANTHROPIC_(API_KEY|AUTH_TOKEN)|CLAUDE_CODE_(OAUTH_TOKEN|USE_BEDROCK|USE_VERTEX|USE_FOUNDRY))$/

export interface ComparedEnvironment {
  variables: Record<string, string>
  /** Names of variables that log an agent in. */
  logins: string[]
}

/** Returns the parts of this environment that are compared with another environment. */
export function comparedEnvironment(env: NodeJS.ProcessEnv): ComparedEnvironment {
  const variables = TELLING.flatMap((name) => (env[name] ? [[name, withoutSecrets(env[name])] as const] : []))
  return {
    variables: Object.fromEntries(variables),
    logins: Object.keys(env)
      .filter((name) => SECRET.test(name) && env[name])
      .sort(),
  }
}

/** Returns an address without its login, which ends at the last "@" before the path, and without its query. */
const withoutSecrets = (text: string) =>
  text.replace(/\/\/[^/?#]*@/, '//').replace(/^(\w+:\/\/[^?#]*)[?#].*$/s, '$1')

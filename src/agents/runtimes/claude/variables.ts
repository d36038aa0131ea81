import type { RuntimeVariables } from '../program.ts'

/**
 * Environment variables of Claude Code, and the variable with which a user of this daemon sets the path of
 * Claude Code.
 */
export const variables: RuntimeVariables = {
  folder: 'CLAUDE_CONFIG_DIR',
  program: 'FOMULAR_CLAUDE_PATH',
  others: ['ANTHROPIC_BASE_URL'],
  logins: /^(ANTHROPIC_(API_KEY|AUTH_TOKEN)|CLAUDE_CODE_(OAUTH_TOKEN|USE_BEDROCK|USE_VERTEX|USE_FOUNDRY))$/,
  all: /^(ANTHROPIC_|CLAUDE_)/i,
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { childEnvironment } from '../../../src/config/environment.ts'

test('agents inherit the user’s environment', () => {
  const env = {
    PATH: '/opt/node_modules/.bin:/usr/bin',
    HOME: '/home/me',
    LANG: 'en_US.UTF-8',
    HTTPS_PROXY: 'http://proxy:8080',
    no_proxy: 'localhost',
    ANTHROPIC_API_KEY: 'theirs',
    ANTHROPIC_BASE_URL: 'http://localhost:1',
    CLAUDE_CONFIG_DIR: '/home/me/.claude',
    FOMULAR_CLAUDE_PATH: '/opt/claude',
    SSH_AUTH_SOCK: '/run/agent',
  }
  assert.deepEqual(childEnvironment(env), env)
})

test('agents inherit no secrets, and no variables that tie them to the daemon', () => {
  const names = [
    'FOMULAR_KEY',
    'FOMULAR_KEY_FILE',
    'FOMULAR_HUB_KEY',
    'FOMULAR_HUB_KEY_FILE',
    'FOMULAR_DAEMON_NO_SELF_RELAUNCH',
    'CREDENTIALS_DIRECTORY',
    'STATE_DIRECTORY',
    'NOTIFY_SOCKET',
    'WATCHDOG_USEC',
    'WATCHDOG_PID',
    'SYSTEMD_EXEC_PID',
    'INVOCATION_ID',
    'JOURNAL_STREAM',
    'LISTEN_FDS',
    'pm_id',
    'pm_exec_path',
    'PM2_HOME',
    'NODE_APP_INSTANCE',
    'NODE_CHANNEL_FD',
    'npm_lifecycle_event',
    'npm_config_registry',
    'INIT_CWD',
    'CLAUDECODE',
    'CLAUDE_CODE_ENTRYPOINT',
    'CLAUDE_CODE_SESSION_ID',
    'CLAUDE_PID',
    'CLAUDE_EFFORT',
    'CLAUDE_CODE_MESSAGING_SOCKET',
    'CLAUDE_CODE_MESSAGING_TOKEN',
    'CLAUDE_CODE_CHILD_SESSION',
    'CLAUDE_CODE_CHILD_NOTES_DIR',
    'CLAUDE_CODE_SESSION_ATTENDED',
    'CLAUDE_CODE_SESSION_ACCESS_TOKEN',
    'CLAUDE_CODE_RESUME_INTERRUPTED_TURN',
    'CLAUDE_ENV_FILE',
    'CLAUDE_PROJECT_DIR',
    'CLAUDE_PLUGIN_ROOT',
  ]
  assert.deepEqual(childEnvironment(Object.fromEntries(names.map((name) => [name, 'x']))), {})
})

test('agents keep the variables that a user sets for Claude Code, but not the variables of an outer session', () => {
  const env = {
    CLAUDE_CODE_OAUTH_TOKEN: 'theirs',
    CLAUDE_CODE_EFFORT_LEVEL: 'high',
    CLAUDE_CODE_SESSIONEND_HOOKS_TIMEOUT_MS: '5000',
    CLAUDE_CODE_SUBAGENT_MODEL: 'haiku',
    AI_AGENT: 'theirs',
  }
  assert.deepEqual(childEnvironment(env), env)
  assert.deepEqual(childEnvironment({ AI_AGENT: 'claude-code_2-1-332_agent' }), {})
})

test('agents do not inherit npm’s additions to PATH', () => {
  const env = {
    npm_execpath: '/usr/lib/npm',
    PATH: '/a/node_modules/.bin:/node_modules/.bin:/usr/lib/npm/node-gyp-bin:/usr/bin:/home/me/bin',
  }
  assert.deepEqual(childEnvironment(env), { PATH: '/usr/bin:/home/me/bin' })
})

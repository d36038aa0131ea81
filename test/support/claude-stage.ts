import { claudeEnvironment, claudeProgram } from './claude.ts'
import { type MessagesApi, startMessagesApi } from './messages-api.ts'
import { Stage } from './stage.ts'
import type { Cleanup } from './temp.ts'

export interface ClaudeStage {
  stage: Stage
  api: MessagesApi
}

/** Makes a stage whose agents are the real Claude Code, with a stand-in for the model. */
export async function claudeStage(t: Cleanup): Promise<ClaudeStage> {
  const program = await claudeProgram()
  const api = await startMessagesApi()
  t.after(() => api.close())
  const { PATH: _path, HOME: _home, ...env } = claudeEnvironment(api.url, '')
  return { api, stage: await Stage.open(t, { ...env, FOMULAR_CLAUDE_PATH: program }) }
}

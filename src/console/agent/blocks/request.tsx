import { useContext } from 'preact/hooks'
import { visible, visibleLine } from '../../parts/visible.ts'
import type { Answer, RequestBlock } from '../block.ts'
import { Fields } from './fields.tsx'
import { Fold } from './fold.tsx'
import { Icon } from './icon.tsx'
import { RequestActions } from './scope.ts'
import { nameOf } from './tool-facts.ts'

const ANSWERS: Readonly<Record<Answer, string>> = {
  waiting: 'Waits for an answer',
  allowed: 'Allowed',
  denied: 'Denied',
  withdrawn: 'Withdrawn',
  answered: 'Answered',
  unanswered: 'Not answered',
}

/** A request that belongs to no tool use. */
export function RequestOf({ block: { key, request, answer } }: { block: RequestBlock }) {
  const actions = useContext(RequestActions)
  const { form, tool, questions, input } = request
  const summary = (
    <>
      <Icon name="question" />
      <strong>{form ? `Form of ${visibleLine(form.server, 60)}` : nameOf(tool)}</strong>
      <bdi class="tool-about">{visibleLine(form?.message ?? questions?.[0]?.question ?? '')}</bdi>
      <span class="tool-state">{ANSWERS[answer]}</span>
    </>
  )
  return (
    <div class={answer === 'waiting' ? 'tool tool-waiting' : 'tool'}>
      <Fold id={key} isOpen={answer === 'waiting'} summary={summary}>
        {() => (
          <>
            {form && (
              <p class="said" dir="auto">
                {visible(form.message)}
              </p>
            )}
            <Fields blockKey={key} input={input} />
          </>
        )}
      </Fold>
      {answer === 'waiting' && actions(request)}
    </div>
  )
}

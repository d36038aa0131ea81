import type { RefObject } from 'preact'
import { useState } from 'preact/hooks'
import type { PermissionRequest, Question } from '../../protocol/permission.ts'
import { Button } from '../parts/button.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import type { Answering } from './answering.ts'
import { Decline } from './decline.tsx'
import { MayNotAnswer } from './may-not-answer.tsx'
import { Shown, ShownLine } from './shown.tsx'

interface QuestionAnswersProps {
  answering: Answering
  request: PermissionRequest
  isRead: boolean
  /** False for people who may only read. */
  mayAnswer: boolean
  end: RefObject<HTMLDivElement | null>
  onDone(): void
}

/** A person's answer to a question so far: labels of options, and free text. */
interface Choice {
  labels: string[]
  text: string
}

const NONE: Choice = { labels: [], text: '' }

/** Returns the answer to a question; an empty text if there is none yet. */
const answerOf = ({ labels, text }: Choice) => [...labels, text.trim()].filter(Boolean).join(', ')

/** The questions of a request, each with its options and a field for free text. */
export function QuestionAnswers({
  answering,
  request,
  isRead,
  mayAnswer,
  end,
  onDone,
}: QuestionAnswersProps) {
  const questions = request.questions ?? []
  const [choices, setChoices] = useState<Choice[]>([])
  const { isSending, problem, send } = useSending(onDone)
  const answers = questions.map((_, index) => answerOf(choices[index] ?? NONE))
  const submit = (event: Event) => {
    event.preventDefault()
    send(async () => {
      await answering.answer(
        Object.fromEntries(questions.map(({ question }, index) => [question, answers[index]!])),
      )
      tell('Answered.')
    })
  }
  return (
    <form onSubmit={submit}>
      {request.description && <Shown text={request.description} />}
      {request.reason && <Shown text={request.reason} />}
      <fieldset class="answer-all" disabled={!mayAnswer}>
        {questions.map((question, index) => (
          <OneQuestion
            key={question.question}
            question={question}
            choice={choices[index] ?? NONE}
            onChoose={(choice) =>
              setChoices(questions.map((_, at) => (at === index ? choice : (choices[at] ?? NONE))))
            }
          />
        ))}
      </fieldset>
      <div ref={end} class="request-end" />
      {problem}
      {mayAnswer ? (
        <div class="answer-bar">
          {(!isRead || answers.includes('')) && (
            <p class="answer-hint">
              {isRead ? 'Answer each question first.' : 'Scroll to the end of the questions to answer.'}
            </p>
          )}
          <Decline answering={answering} onDone={onDone} />
          <Button look="main" type="submit" disabled={isSending || !isRead || answers.includes('')}>
            Answer
          </Button>
        </div>
      ) : (
        <MayNotAnswer />
      )}
    </form>
  )
}

interface OneQuestionProps {
  question: Question
  choice: Choice
  onChoose(choice: Choice): void
}

function OneQuestion({
  question: { question, header, options, multi_select },
  choice,
  onChoose,
}: OneQuestionProps) {
  const choose = (label: string, isOn: boolean) => {
    if (!multi_select) return onChoose({ labels: isOn ? [label] : [], text: '' })
    const chosen = new Set(choice.labels)
    if (isOn) chosen.add(label)
    else chosen.delete(label)
    // Keep the order of the options.
    const labels = options.map((option) => option.label).filter((each) => chosen.has(each))
    onChoose({ ...choice, labels })
  }
  return (
    <fieldset class="answer-question">
      <legend>
        {header && (
          <>
            <ShownLine text={header} />:{' '}
          </>
        )}
        <ShownLine text={question} />
      </legend>
      {options.map(({ label, description }) => (
        <label key={label} class="answer-choice">
          <input
            type={multi_select ? 'checkbox' : 'radio'}
            name={question}
            checked={choice.labels.includes(label)}
            onChange={(event) => choose(label, event.currentTarget.checked)}
          />
          <span>
            <ShownLine text={label} />
            {description && (
              <small>
                <ShownLine text={description} />
              </small>
            )}
          </span>
        </label>
      ))}
      <label>
        {options.length > 0 ? 'Other answer' : 'Answer'}
        <input
          type="text"
          value={choice.text}
          onInput={(event) =>
            onChoose({ labels: multi_select ? choice.labels : [], text: event.currentTarget.value })
          }
        />
      </label>
    </fieldset>
  )
}

import type { Offer } from '../../client/offers.ts'
import type { ChosenOffer } from './answering.ts'
import { ShownLine } from './shown.tsx'

const KINDS: Readonly<Record<Offer['kind'], string>> = {
  rule: 'Allow without asking',
  mode: 'Switch to the permission mode',
  directories: 'Let the agent work in',
  other: 'Remember exactly this, maybe longer than the session',
}

interface OffersProps {
  offers: Offer[]
  chosen: ChosenOffer[]
  onChoose(chosen: ChosenOffer[]): void
}

/** The offers of a request to remember something. None is chosen at first. */
export function Offers({ offers, chosen, onChoose }: OffersProps) {
  const without = (offer: Offer) => chosen.filter((each) => each.offer.entry !== offer.entry)
  return (
    <fieldset class="answer-more">
      <legend>
        {offers.some(({ kind }) => kind === 'other') ? 'Remember' : 'Remember for this session'}
      </legend>
      {offers.map((offer, index) => {
        const found = chosen.find((each) => each.offer.entry === offer.entry)
        return (
          <div key={index} class="answer-offer">
            <label class="answer-choice">
              <input
                type="checkbox"
                checked={found !== undefined}
                onChange={(event) =>
                  onChoose(
                    event.currentTarget.checked
                      ? [...without(offer), { offer, save: false }]
                      : without(offer),
                  )
                }
              />
              <span>
                {KINDS[offer.kind]}: <ShownLine text={offer.text} />
              </span>
            </label>
            {found && offer.saved !== undefined && (
              <label class="answer-choice">
                <input
                  type="checkbox"
                  checked={found.save}
                  onChange={(event) =>
                    onChoose([...without(offer), { offer, save: event.currentTarget.checked }])
                  }
                />
                <span>
                  Also keep it after the session, in <ShownLine text={offer.saved} />
                </span>
              </label>
            )}
          </div>
        )
      })}
    </fieldset>
  )
}

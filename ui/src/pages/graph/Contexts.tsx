import type { Dimension } from "../../api/graphs";
import { percent } from "../../parts";
import { type Asking, isTicked, tick } from "./question";

interface Props {
  dimensions: Dimension[];
  asking: Asking;
  ask: (asking: Asking) => void;
}

/** One group of boxes per dimension, with the share of the traffic; the last ticked one of each stays. */
export function Contexts({ dimensions, asking, ask }: Props) {
  return (
    <div className="contexts">
      {dimensions.map((dimension) => {
        const on = dimension.values.filter((value) => isTicked(asking, dimension.id, value.id));
        return (
          <fieldset key={dimension.id} className="context">
            <legend className="small">{dimension.name}</legend>
            {dimension.values.map(({ id, label, share }) => {
              const last = on.length === 1 && on[0]?.id === id;
              return (
                <label
                  key={id}
                  title={last ? "One value stays ticked: there must be some traffic." : undefined}
                >
                  <input
                    type="checkbox"
                    checked={isTicked(asking, dimension.id, id)}
                    aria-describedby={last ? `${dimension.id}-last` : undefined}
                    onChange={() => last || ask(tick(asking, dimension, id))}
                    data-testid={`context-${dimension.id}-${id}`}
                  />
                  {label} <span className="muted small">{percent(share, 0)}</span>
                </label>
              );
            })}
            {on.length === 1 && (
              <span
                id={`${dimension.id}-last`}
                className="muted small"
                data-testid={`context-${dimension.id}-last`}
              >
                one stays ticked
              </span>
            )}
          </fieldset>
        );
      })}
    </div>
  );
}

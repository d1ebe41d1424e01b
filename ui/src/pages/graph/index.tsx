import { Page } from "../../parts";

export default function GraphPage() {
  return <Page title="Graph">{null}</Page>;
}

// Only the modules that the pages use; loaded with the first chart.
import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import {
  AriaComponent,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  MarkPointComponent,
  TooltipComponent,
} from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([BarChart, LineChart, ScatterChart]);
use([AriaComponent, GridComponent, LegendComponent, TooltipComponent]);
use([MarkAreaComponent, MarkLineComponent, MarkPointComponent, SVGRenderer]);

export { init };

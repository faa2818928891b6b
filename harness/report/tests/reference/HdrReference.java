import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Base64;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogReader;

/**
 * What HdrHistogram's own library makes of our files, for the tests of src/encode.rs.
 *
 * <p>Reads histograms.txt (a name and a histogram a line) and writes each as NAME.hgrm; reads intervals.hlog and writes what
 * it found, an interval a line, to intervals.read. To renew (Debian: libhdrhistogram-java), in this directory: javac -cp
 * /usr/share/java/hdrhistogram.jar -d /tmp HdrReference.java && java -cp /tmp:/usr/share/java/hdrhistogram.jar HdrReference
 */
public class HdrReference {
    public static void main(String[] arguments) throws Exception {
        for (String line : Files.readAllLines(Paths.get("histograms.txt"))) {
            String[] parts = line.split(" ");
            ByteBuffer bytes = ByteBuffer.wrap(Base64.getDecoder().decode(parts[1]));
            Histogram histogram = Histogram.decodeFromCompressedByteBuffer(bytes, 0);
            try (PrintStream out = new PrintStream(new FileOutputStream(parts[0] + ".hgrm"))) {
                histogram.outputPercentileDistribution(out, 5, 1e6);
            }
        }
        HistogramLogReader reader = new HistogramLogReader("intervals.hlog");
        try (PrintStream out = new PrintStream(new FileOutputStream("intervals.read"))) {
            Histogram interval;
            while ((interval = (Histogram) reader.nextIntervalHistogram()) != null) {
                out.printf("%s %d %d %d %d%n", interval.getTag(), interval.getStartTimeStamp(), interval.getEndTimeStamp(),
                        interval.getTotalCount(), interval.getMaxValue());
            }
        }
    }
}

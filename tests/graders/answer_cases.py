r"""Golds, samples, and whether the sample is right: usual writing that counts, and what looks like it and does not.

A sample that has no `\boxed{}` of its own is written as the content of one, unless it stands in UNBOXED.
"""

RIGHT = [
    # number bases
    (r"52_8", r"52_8"), (r"52_8", r"52_{8}"), (r"4210_{5}", r"4210_5"), (r"204_5", r"204_{\text{5}}"),
    (r"40_9", r"40_{9}."), (r"42", r"42_{10}"), (r"1A_{16}", r"1A_{16}"), (r"2516_8", r"x = 2516_8"),
    # letters at the end are variables, not units
    (r"$6m$", r"6m"), (r"$6m$", r"6 m"), (r"$6m$", r"6 \cdot m"), (r"\frac{37}{4} m", r"9.25m"), (r"3R^2", r"3 R^{2}"),
    (r"7.6 Z", r"7.6Z"), (r"$2n$", r"n \cdot 2"), (r"2.2 \tau", r"2.2\tau"),
    # units after numbers
    ("7", r"7\text{ cm}"), ("7", r"7 cm"), ("7", r"7 \mathrm{~cm}"), (r"15\mbox{ cm}^2", r"15"), (r"864 \mbox{ inches}^2", r"864\text{ in}^2"),
    (r"864 \mbox{ inches}^2", r"864 \text{ square inches}"), (r"\$36", "36"), (r"\$18.90", r"\$18.90"), (r"\$18.90", r"18.90\text{ dollars}"),
    (r"5.4 \text{ cents}", "5.4"), (r"5.4 \text{ cents}", r"5.4\text{ cents}"), ("12", r"12\text{ ways}"), ("3", r"3 \text{ m/s}"),
    (r"\$32,\!348", r"32348"), ("18", r"\$18"), ("18", "18 dollars"), ("7", r"7\ \text{kg}\cdot\text{m}/\text{s}^2"), ("2e27", r"2 \times 10^{27} \mathrm{~kg}"),
    # degrees
    ("75", r"75^\circ"), ("75", "75°"), (r"75^\circ", "75"), (r"90^\circ", r"90\degree"), (r"90^\circ", r"90^{\circ}"), (r"90^\circ", r"90\text{ degrees}"),
    (r"\frac{270}7\text{ degrees}", r"\frac{270}{7}"), (r"\frac{270}7\text{ degrees}", r"\frac{270}{7}^\circ"), (r"$18.8^{\circ}$", r"18.8^\circ."),
    (r"$(45^{\circ}, 60^{\circ}),(135^{\circ}, 60^{\circ})$", r"(45,60), (135,60)"), (r"$90^{\circ}$,$60^{\circ}$", r"60^\circ \text{ and } 90^\circ"),
    # percent as written
    (r"62.5%", r"62.5\%"), (r"62.5%", "62.5"), (r"62.5%", r"62.5\text{ percent}"), (r"62.5%", "0.625"), (r"$8 \%$", r"8\%"), ("10", r"10\%"), ("0.08", r"8\%"),
    # powers of ten
    ("4.5e33", "4.5e33"), ("4.5e33", "$4.5e33$"), ("4.5e33", r"L = 4.5e33"), ("4.5e33", r"4.5e33 \text{ erg/s}"), ("4.5e33", "4.5E+33"),
    ("4.5e33", r"4.5 \times 10^{33}"), ("4.5e33", r"4.5 \cdot 10^{33}"), ("4.5e33", r"4.5*10^33"), ("4.5e33", "4.5×10³³"), ("4.5e33", "4.5 x 10^{33}"),
    ("5.3e-9", r"5.3\mathrm{e}{-9}"), ("5.3e-9", r"5.3\text{e-9}"), ("5.3e-9", "0.0000000053"), ("3e8", r"300{,}000{,}000"), ("1e-5", r"10^{-5}"),
    ("1.4903e4", "14903"), ("3.61e2", r"L \approx 361"), ("1e-3", r"\frac{1}{1000}"), ("2.88e-19", r"E = 2.88e-19 \mathrm{~J}"),
    # full stops, bold, text, delimiters
    ("42", "42."), (r"\frac{1}{2}", r"\frac{1}{2}."), ("(3,4]", "(3,4]."), (r"\text{Evelyn}", r"\text{Evelyn.}"), ("58", "**58**"), ("58", r"\textbf{58}"),
    ("58", r"\mathbf{58}"), ("12", r"\text{Answer: }12"), ("12", r"\text{The answer is } 12."), ("12", r"Answer: 12"), ("12", r"$12$"), ("12", r"\(12\)"),
    ("12", r"\displaystyle 12"), ("12", r"{12}"), ("12", r"\text{12}"), ("12", r"\bf{12}"), ("-7", "−7"), ("12", r"\;12\;"), ("12", r"12\text{.}"), ("3", r"\color{blue}{3}"),
    # other signs of the same thing
    (r"3\sqrt{13}", "3√13"), (r"3\sqrt{13}", "3√(13)"), (r"\sqrt{51}", r"51^{1/2}"), (r"11\sqrt2", r"11 \sqrt{2}"), (r"2\pi", "2π"), ("12", "１２"),
    (r"(-\infty, 0]", "(-∞,0]"), (r"\frac{1}{2}", "½"), (r"\frac{\pi}{2}", "π/2"), ("x^2", "x²"), ("1", "１."), (r"$5 \sqrt[3]{4}$", r"5\cdot 4^{1/3}"),
    # thousands
    (r"10,\!080", "10080"), (r"11,\! 111,\! 111,\! 100", "11111111100"), ("58,500", "58500"), ("58500", "58,500"), ("11450", "11,450"), ("11450", r"11\,450"),
    ("11450", "11 450"), ("11450", "11{,}450"), ("11450", r"11\ 450"), ("11450", r"11,\!450"), ("11450", "11\u202f450"), ("1234.5", "1,234.5"),
    # fractions and mixed numbers
    (r"1\frac{4}{5}", r"\frac{9}{5}"), (r"1\frac{4}{5}", "1.8"), (r"1\frac{4}{5}", r"1 \frac{4}{5}"), (r"137 \frac{1}{2}", "137.5"), ("-1.5", r"-1\frac12"), ("-3./2", r"-\frac{3}{2}"), ("-3./2", "-1.5"),
    ("-1./3", r"-\frac{1}{3}"), (r"\frac43", "4/3"), (r"\frac 59", r"\dfrac{5}{9}"), (r"\frac9{19}", r"\tfrac{9}{19}"), (r"$\frac{-1}{1997}$", r"-\frac{1}{1997}"), (r"1\frac{4}{5}", "1 4/5"),
    (r"\frac{1}{2}", ".5"), (r"+2", "2"), ("2", "+2"), (r"\frac{11+9a}{20}", r"\frac{9a+11}{20}"),
    # functions
    ("np.arcsin(10/13)", r"\arcsin(10/13)"), ("np.arcsin(10/13)", r"\sin^{-1}\left(\frac{10}{13}\right)"), ("np.arcsin(10/13)", "np.arcsin(10/13)"), ("np.arcsin(10/13)", r"\arcsin\frac{10}{13}"),
    ("np.arcsin(10/13)", "arcsin(10/13)"), (r"\arcsin{1.3 \sin{\theta_w}}", r"\theta_i = \arcsin(1.3\sin\theta_w)"), (r"\frac{1}{2}(\exp{a*t} + \exp{-a*t})", r"\frac{e^{at}+e^{-at}}{2}"),
    (r"\frac{1}{2}(\exp{a*t} + \exp{-a*t})", r"\cosh(at)"), (r"e^{t} / 3", r"\frac{1}{3}\mathrm{e}^{t}"), (r"\sqrt{2} \cos (2 t-\pi / 4)", r"\sqrt{2}\cos\left(2t-\frac{\pi}{4}\right)"),
    (r"\ln 2 + i\pi / 3", r"\ln(2)+\frac{\pi i}{3}"), (r"-\tau \ln \Delta", r"\tau\ln(1/\Delta)"), (r"\cot x", r"\frac{\cos x}{\sin x}"), (r"1+\sqrt{3} i", r"1+i\sqrt{3}"), (r"6+9i", "9i+6"),
    (r"\sin^2 x", r"(\sin x)^2"), (r"2,-\log _{10} 250", r"-\log_{10}(250), 2"), (r"$\frac{\log 2}{\log 2-\log 3}$", r"\frac{\ln 2}{\ln 2-\ln 3}"), ("x", r"\operatorname{ln}(e^x)"),
    # names: subscripts, primes, dots, braces, spaces
    (r"E_{1},E_{2}", r"E_1, E_2"), (r"\frac{1}{3} E_{1}+\frac{2}{3} E_{2}", r"\frac{E_1+2E_2}{3}"), (r"\lambda_{\text {red}} / \sqrt{2}", r"\frac{\lambda_{\mathrm{red}}}{\sqrt{2}}"),
    (r"$m_{\max }=n^{2}-n-1$", r"m_{\text{max}} = n^2-n-1"), (r"$m_{\max }=n^{2}-n-1$", r"n^2 - n - 1"), (r"y^{\prime}+r y-r x(t)=0", r"y' + ry - rx(t) = 0"), (r"y^{\prime}+r y-r x(t)=0", r"y' + ry = rx(t)"),
    (r"x_{0} \cos (\omega t)+$ $\dot{x}_{0} \sin (\omega t) / \omega", r"x_0\cos(\omega t)+\frac{\dot{x}_0}{\omega}\sin(\omega t)"), (r"I(0)", r"I( 0 )"), (r"I(0) e^{-\frac{t}{R C}}", r"I(0)e^{-t/(RC)}"),
    (r"m \frac{d v}{d t}+b v=f", r"m\dot{v}+bv=f"), (r"\frac{d x}{d t}=k x-a", r"\dot{x} = kx - a"), (r"\hbar \omega(v+1 / 2)-\frac{E_{0}^{2} e^{2}}{2 m \omega^{2}}", r"\hbar\omega\left(v+\frac12\right)-\frac{e^2E_0^2}{2m\omega^2}"),
    (r"\frac{dM}{dt}=\frac{10^{5} L_{\odot}}{0.007 c^{2} M_{\odot}^{6}} M^{6}", r"\frac{10^5 L_\odot M^6}{0.007 c^2 M_\odot^6}"), (r"m_{p} c^{2}\left(\gamma^{2}-1\right) \sin ^{2} \theta", r"m_pc^2(\gamma^2-1)\sin^2\theta"),
    # equations
    ("5", "x=5"), ("x=5", "5"), ("x=5", "x = 5"), ("204", "m+n=204"), ("204", "204 = m+n"), (r"y = 2x + 3", r"2x+3"), (r"y = 2x + 3", r"y=3+2x"), (r"y = 2x + 3", r"2x - y + 3 = 0"), (r"5x - 7y + 11z + 4 = 0", r"7y = 5x+11z+4"),
    (r"$f(n)=n^{2}$", r"f(x)=x^2"), (r"$f(n)=n^{2}$", r"n^2"), ("MR=SRMC", r"MR = SRMC"), ("SRAC=LRAC", r"\text{LRAC} = \text{SRAC}"), (r"$k=n+1$", r"n+1"), (r"X_{d}=125-1.25 P", r"125-1.25P"),
    (r"\frac{8}{15}", r"\frac{8}{15} \approx 0.533"), ("17", r"3 + 14 = 17"),
    # several answers
    ("1,-2", r"1 \text{ and } -2"), ("1,-2", r"-2, 1"), ("1,-2", r"x=1 \text{ or } x=-2"), ("3, 5, 7", r"\{7,5,3\}"), (r"1 \pm \sqrt{19}", r"1+\sqrt{19}, 1-\sqrt{19}"), (r"1 \pm \sqrt{19}", r"1\pm\sqrt{19}"),
    (r"\{1\pm\sqrt{5},-2\}", r"-2, 1+\sqrt5, 1-\sqrt5"), (r"$(1,1), (3,2)$", r"(3,2) \text{ and } (1,1)"), (r"$f(x)=x,f(x)=-x$", r"f(x) = x \text{ or } f(x) = -x"), (r"$69$,$84$", "69, 84"), ("$221,$8$", "8 and 221"),
    (r"$(1,8,19), (2,7,13), (4,5,7)$", r"\{(1,8,19),(2,7,13),(4,5,7)\}"), (r"3 \pm 2 \sqrt{2}", r"x = 3 ± 2√2"), ("1,3", "1;3"), ("-2,-2", "-2,-2"), (r"x=5", r"\{5\}"),
    # points, intervals, vectors
    (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\pi/2)"), (r"(2,\infty)", r"x > 2"), (r"(-\infty, 2) \cup (3, \infty)", r"(3,\infty) \cup (-\infty,2)"), (r"x \in [-2,7]", r"[-2,7]"), (r"x \in [-2,7]", r"-2 \le x \le 7"),
    (r"$k \geqslant 2$", r"k \ge 2"), (r"$k \geqslant 2$", r"[2,\infty)"), (r"\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix}", r"\begin{bmatrix}-\frac13\\\frac23\\\frac53\end{bmatrix}"),
    (r"\begin{pmatrix} -18 \\ -49 \\ 96 \end{pmatrix}", r"(-18,-49,96)"), (r"\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}", r"\left(\begin{matrix} -1 & 0 \\ 0 & -1\end{matrix}\right)"), (r"$(-\infty, 0) \cup\{1\}$.", r"(-\infty,0)\cup\{1\}"),
    (r"(-\infty,-5)", r"x<-5"), ("(8,-2)", r"(x,y)=(8,-2)"), ("(8,-2)", "8,-2"),
    # words
    (r"\text{Evelyn}", "Evelyn"), (r"\text{(C)}", "C"), (r"\text{(C)}", "(C)"), (r"\text{(C)}", r"\textbf{(C)}"), (r"\text{even}", r"\text{Even}"), (r"\text{east}", "east"), (r"\text{ellipse}", r"\textit{ellipse}"),
    (r"$f(x)=a x+b$, where $b$ is an arbitrary integer, and $a$ is an arbitrary positive integer with $\mho(a)=0$", r"f(x)=ax+b, where $b$ is an arbitrary integer, and $a$ is an arbitrary positive integer with $\mho(a)=0$"),
    # expressions
    (r"$\binom{2n}{n}$", r"\frac{(2n)!}{(n!)^2}"), (r"$m n-\lfloor m / 2\rfloor$", r"mn-\left\lfloor\frac{m}{2}\right\rfloor"), (r"$\lceil n / 2\rceil+1$", r"\lfloor (n+1)/2\rfloor + 1"), (r"(a+5)(b+2)", r"ab+2a+5b+10"),
    (r"$\frac{100!}{2^{50}}$", r"100! / 2^{50}"), (r"$2^{1009}$", r"2 \cdot 2^{1008}"), (r"\frac{1}{4-\omega^{2}}", r"-\frac{1}{\omega^2-4}"), (r"c x^{-2}-\frac{\cos (2 x)}{2 x^{2}}", r"\frac{2c-\cos(2x)}{2x^2}"), (r"p - q", "p-q"),
    # of every kind
    ("52_8", "52_{(8)}"), ("52_8", "(52)_8"), ("52_8", r"52 \text{ (base 8)}"), ("52_8", r"52 \text{ in base } 8"), ("2516_8", "2{,}516_8"),
    ("6", r"6 \text{ m}"), ("6", r"6\,\mathrm{m}"), ("15", r"15 \text{ cm}^2"), ("15", r"15 \, \mathrm{cm}^{2}"), ("15", "15 cm^2"),
    ("15", "15 square units"), ("15", r"15 \text{ sq. units}"), ("7", r"7 \; \text{hours}"), ("7", r"7 \text{ (hours)}"), ("7", r"\text{7 hours}"),
    ("7", r"\text{7}"), ("7", r"\$7.00"), ("7", r"\text{\$}7"), ("20", r"20^\circ\text{C}"), ("20", r"20\,^{\circ}\mathrm{C}"), ("20", "20°C"),
    ("336", r"336^\circ"), ("10", r"10 \text{ percent}"), ("10", "10 percent"), ("0.1", r"10\%"), ("10%", r"\frac{1}{10}"), (r"25\%", "25%"),
    ("4.5e33", r"4.5 \times 10^{33} \text{ erg s}^{-1}"), ("4.5e33", r"4.5 \times 10^{33} \, \mathrm{erg/s}"),
    ("4.5e33", r"\approx 4.5 \times 10^{33}"), ("4.5e33", r"\sim 4.5\times10^{33}"), ("4.5e33", r"L \approx 4.5e33"), ("4.5e33", r"4.5\mathrm{E}33"),
    ("4.5e33", r"4.5 \mathrm{e} 33"), ("4.5e33", r"45 \times 10^{32}"), ("1e11", "10^{11}"), ("2.7778e-6", r"2.7778 \times 10^{-6}"),
    ("42", r"42\text{.}"), ("42", r"\text{42.}"), ("42", "42 ."), ("42", "42\\\\"), ("42", "42,"), ("42", "$42.$"), ("42", "**42.**"),
    ("42", "*42*"), ("42", r"\textbf{42}."), ("42", r"\mathbf{42.}"), ("42", r"\underline{42}"), ("42", r"\boxed{42}"), ("42", r"\mathrm{42}"),
    ("42", r"\large{42}"), ("42", r"\text{Final answer: } 42"), ("42", r"\text{Answer} = 42"), ("42", r"\text{Ans: }42"),
    ("42", r"\text{The final answer is: }42"), ("42", "n = 42"), ("42", r"\text{Total} = 42"), ("42", r"\text{Area} = 42"),
    ("42", r"\text{Area} = 42 \text{ cm}^2"), ("42", "f(3) = 42"), ("42", "a_{10} = 42"), ("42", "|S| = 42"), ("42", r"\angle ABC = 42^\circ"),
    ("42", "AB = 42"), ("42", "S_n = 42"), ("42", r"\overline{AB} = 42"), ("42", "P(X) = 42"), ("42", "x^2 = 42"), ("42", r"6 \cdot 7 = 42"),
    ("42", r"6 \times 7"), ("42", "2+40"), ("42", "84/2"), ("42", r"\sqrt{1764}"), ("42", "４２"), ("42", "４２．"), ("42", "42。"), ("11450", "11,450."),
    ("11450", "11,450.00"), ("11450", "$11,450"), ("11450", r"\$11,450"), ("11450", "11'450"), ("0.5", ".5"), ("0.5", "0.50"), ("0.5", "1/2"),
    ("0.5", "½"), ("0.5", r"50\%"), ("1/3", "0.3333333"), ("1/3", "0.333333"), (r"\sqrt{2}", "1.414214"), (r"\frac{1}{2}", r"\frac12"),
    (r"\frac{1}{2}", r"\frac{1}2"), (r"\frac{1}{2}", "1 / 2"), (r"\frac{1}{2}", r"\dfrac{1}{2}"), (r"\frac{1}{2}", r"\left(\frac{1}{2}\right)"),
    (r"\frac{1}{2}", r"{1 \over 2}"), (r"\frac{1}{2}", "2^{-1}"), (r"\frac{1}{2}", r"\frac{2}{4}"), (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}"),
    (r"\frac{\sqrt{3}}{3}", r"\frac{\sqrt3}3"), (r"\frac{\sqrt{3}}{3}", r"\sqrt{3}/3"), (r"\frac{\sqrt{3}}{3}", "sqrt(3)/3"),
    (r"\frac{\sqrt{3}}{3}", r"\frac{\sqrt{(3)}}{3}"), (r"\frac{\sqrt{3}}{3}", "√3/3"), (r"\sqrt[3]{4}", r"\sqrt[3]4"),
    (r"\sqrt[3]{4}", r"4^{\frac{1}{3}}"), (r"\sqrt[3]{4}", "∛4"), (r"\sqrt[3]{4}", "∛(4)"), (r"1\frac{4}{5}", r"1+\frac{4}{5}"),
    (r"1\frac{4}{5}", r"1\,\frac{4}{5}"), (r"1\frac{4}{5}", r"1 \tfrac{4}{5}"), (r"-1\frac{4}{5}", r"-\frac{9}{5}"),
    (r"(2,\infty)", r"(2, +\infty)"), (r"(2,\infty)", "(2,∞)"), (r"(2,\infty)", r"(2, \inf)"), (r"(2,\infty)", "(2, inf)"),
    (r"(2,\infty)", r"\{x : x > 2\}"), (r"(2,\infty)", r"\{x \mid x > 2\}"), (r"(2,\infty)", r"x \in (2,\infty)"), (r"(2,\infty)", "2 < x"),
    (r"(2,\infty)", r"2 < x < \infty"), (r"(2,12) \cup (12,102)", "(2,12) ∪ (12,102)"), (r"(2,12) \cup (12,102)", "(2,12) U (12,102)"),
    (r"(2,12) \cup (12,102)", r"(2,12) \text{ and } (12,102)"), (r"(2,12) \cup (12,102)", r"(2,12) \text{ or } (12,102)"),
    (r"(2,12) \cup (12,102)", r"x \in (2,12) \cup (12,102)"), (r"(2,12) \cup (12,102)", r"(2,102) \setminus \{12\}"),
    (r"(2,12) \cup (12,102)", r"2<x<12 \text{ or } 12<x<102"), (r"\{1,2\}", "1,2"), (r"\{1,2\}", r"\left\{ 2, 1 \right\}"), (r"\{1,2\}", "{1,2}"),
    (r"\{1,2\}", "(1,2)"), ("(3,2)", r"\left(3,2\right)"), ("(3,2)", r"\langle 3,2 \rangle"), ("(3,2)", "x=3, y=2"), ("(3,2)", "(x, y) = (3, 2)"),
    ("(3,2)", r"\begin{pmatrix}3\\2\end{pmatrix}"), ("(3,2)", "(3;2)"), ("1,-2", "x_1 = 1, x_2 = -2"), ("1,-2", r"\{-2, 1\}"), ("1,-2", "1 or -2"),
    ("1,-2", "1 and -2"), ("1,-2", r"x \in \{1,-2\}"), ("1,-2", r"1\text{ or }-2"), ("1,-2", r"1, \, -2"), ("1,-2", r"1, \text{ and } -2"),
    ("1,-2", "x=1,-2"), ("1,-2", "(1,-2)"), ("3,-3", r"\pm 3"), ("3,-3", "±3"), (r"\pm 3", "3,-3"),
    (r"1 \pm \sqrt{19}", r"1 + \sqrt{19} \text{ and } 1 - \sqrt{19}"), (r"1 \pm \sqrt{19}", r"x = 1 \pm \sqrt{19}"),
    (r"1 \pm \sqrt{19}", r"1 \mp \sqrt{19}"), (r"1 \pm \sqrt{19}", r"\frac{2 \pm \sqrt{76}}{2}"), ("y = 2x + 3", "y=2x+3."),
    ("y = 2x + 3", "y - 3 = 2x"), ("p - q", "-q+p"), ("p - q", "-(q - p)"), (r"\text{even}", "Even"), (r"\text{even}", r"\mathrm{even}"),
    (r"\text{Evelyn}", r"\text{evelyn}"), (r"\text{(C)}", r"\text{C}"), (r"\text{(C)}", "(c)"), (r"\text{(C)}", r"\mathrm{C}"),
    (r"\text{(C)}", "C."), (r"\text{(C)}", r"\text{(C) } 5"), (r"\text{(C)}", r"\text{Option C}"), (r"\text{ellipse}", r"\text{an ellipse}"),
    (r"\text{ellipse}", "Ellipse"), (r"e^{i\pi}", "-1"), ("6-5i", r"6-5\mathrm{i}"), ("6-5i", "-5i+6"), (r"2\pi", "6.283185"), (r"\pi", "π"),
    (r"\theta", "θ"), ("x^2+1", "x^2 + 1"), ("x^2+1", "x²+1"), ("x^2+1", "x**2+1"), ("x^2+1", r"1+x\cdot x"), ("e^{-a t}", r"\exp(-at)"),
    ("e^{-a t}", r"\frac{1}{e^{at}}"), ("e^{-a t}", "exp(-a*t)"), ("e^{-a t}", "e^{-ta}"), (r"\ln 2", r"\log 2"), (r"\ln 2", r"\log_e 2"),
    (r"\ln 2", r"\ln{2}"), (r"\ln 2", "ln(2)"), (r"\ln 2", "0.693147"), (r"\arcsin{1.3 \sin{\theta_w}}", r"\sin^{-1}(1.3 \sin(\theta_w))"),
    (r"\arcsin{1.3 \sin{\theta_w}}", r"\arcsin(1.3 \sin \theta_{w})"),
    (r"\arcsin{1.3 \sin{\theta_w}}", r"\arcsin(\frac{13}{10} \sin \theta_{\text{w}})"),
    (r"\arcsin{1.3 \sin{\theta_w}}", r"\operatorname{arcsin}(1.3 \sin \theta_w)"),
    (r"\arcsin{1.3 \sin{\theta_w}}", "np.arcsin(1.3*np.sin(theta_w))"), (r"m \frac{d v}{d t}+b v=f", r"m \frac{dv}{dt} + bv = f"),
    (r"m \frac{d v}{d t}+b v=f", r"m\dot v + b v = f"), (r"m \frac{d v}{d t}+b v=f", "m v' + bv = f"),
    (r"m \frac{d v}{d t}+b v=f", r"f = m\dot{v}+bv"), (r"m \frac{d v}{d t}+b v=f", r"\dot{v} = \frac{f - bv}{m}"),
    (r"\frac{d^{2} v_{o}}{d t^{2}}+\frac{v_{o}}{L C}=\frac{v_{i}}{L C}", r"LC\ddot{v}_o + v_o = v_i"),
    (r"x^{\prime}+\frac{r}{V} x-r c=0", r"x' + \frac{r}{V}x - rc = 0"), (r"x^{\prime}+\frac{r}{V} x-r c=0", r"\frac{dx}{dt} = rc - \frac{rx}{V}"),
    (r"m_{\max }=n^{2}-n-1", "m_{max} = n^2-n-1"), (r"m_{\max }=n^{2}-n-1", "n^2-n-1."), (r"\frac{2016}{2017^{2}}", r"\frac{2016}{4068289}"),
    (r"\lceil n / 2\rceil+1", r"\left\lceil \frac{n}{2} \right\rceil + 1"), (r"k \geqslant 2", r"k \geq 2"), (r"k \geqslant 2", "k ≥ 2"),
    (r"k \geqslant 2", "k >= 2"), (r"k \geqslant 2", r"2 \le k"), (r"\frac{1}{\sqrt{2}}c", r"\frac{c}{\sqrt{2}}"),
    (r"\frac{1}{\sqrt{2}}c", r"\frac{\sqrt2}{2} c"), ("9", r"\sqrt{81}"), ("3", r"\int_0^3 1 dx"), ("55", r"\sum_{k=1}^{10} k"), ("4", r"\max(3,4)"),
    ("4", r"\gcd(8,12)"), ("120", "5!"), ("10", r"\binom{5}{2}"), ("10", r"{5 \choose 2}"), ("8", "2^3"), ("8", "2³"), ("8", "8.0"),
    ("8", "8.0000001"), ("8", "08"), ("8", "+8"), ("8", "--8"), ("8", r"8 \times 1"), ("8", r"8 \text{ meters per second}"),
    ("8", r"8 \quad \text{(exactly)}"), ("8", "8,"), ("8", "[8]"), ("8", "(8)"), ("8", r"\{8\}"), ("8", "|8|"), ("8", r"\left|{-8}\right|"),
]  # fmt: skip

WRONG = [
    # number bases
    (r"52_8", r"52_9"), (r"52_8", r"53_8"), (r"52_8", r"52"), (r"52_8", r"42"), (r"4210_{5}", r"4210_{6}"), (r"4210_{5}", r"4211_{5}"), ("52", r"52_8"), (r"1A_{16}", r"1B_{16}"),
    # variables, units, numbers out of the middle
    (r"$6m$", "6"), (r"$6m$", "6n"), (r"$6m$", r"6\text{ m}^2"), (r"\frac{37}{4} m", r"\frac{37}{4}"), (r"3R^2", "3"), (r"3R^2", "3r^2"), (r"7.6 Z", "7.6"), ("6", "6x"), ("m", "n"), (r"2k+2", "2"), (r"$2n$", "2"),
    (r"15\mbox{ cm}^2", r"15\text{ m}^2"), (r"15\mbox{ cm}^2", r"15\text{ cm}"), (r"5.4 \text{ cents}", r"5.4\text{ dollars}"), ("7", r"7\text{ million}"), ("7", r"7\text{ dozen}"), ("7", r"7 \text{ or } 8"), ("7", r"\text{not } 7"), ("7", r"7 \text{ if } x>0"), (r"\$36", "36 cents"),
    (r"\frac{1}{3} E_{1}+\frac{2}{3} E_{2}", r"\frac{2}{3}"), (r"\frac{1}{3} E_{1}+\frac{2}{3} E_{2}", r"\frac{1}{3} E_{1}+\frac{2}{3} E_{3}"), (r"\hbar \omega(v+1 / 2)-\frac{E_{0}^{2} e^{2}}{2 m \omega^{2}}", r"\frac12"),
    (r"\hbar \omega(v+1 / 2)-\frac{E_{0}^{2} e^{2}}{2 m \omega^{2}}", "2"), (r"$f(x)=a x+b$, where $b$ is an arbitrary integer, and $a$ is an arbitrary positive integer with $\mho(a)=0$", "0"),
    (r"$f(x)=a x+b$, where $b$ is an arbitrary integer, and $a$ is an arbitrary positive integer with $\mho(a)=0$", "ax+b"),
    # percent, powers of ten
    (r"62.5%", "6.25"), (r"62.5%", r"0.625\%"), (r"$8 \%$", "800"), ("0.5", r"0.5\%"), ("1", r"1\%"), ("4.5e33", "4.5"), ("4.5e33", "4.5e32"), ("4.5e33", "4.5e-33"), ("5.3e-9", "5.3"), ("5.3e-9", "0"), ("4.5e33", r"4.5 \times 10^{32}"), ("8", "0.08"),
    # stops, signs, lists
    ("42", "4.2"), ("42", "-42"), ("42", "42.5"), ("58", "**59**"), ("12", r"\text{Answer: }13"), ("11450", "11,45"), ("58,500", "58,501"), ("58,500", "58"), ("0.5", "0,5"), ("1,-2", "1,2"), ("1,-2", "1"), ("1,-2", "1,-2,3"), ("3, 5, 7", "357"),
    (r"1 \pm \sqrt{19}", r"1 + \sqrt{19}"), (r"1 \pm \sqrt{19}", r"1 \pm \sqrt{18}"), (r"1 \pm \sqrt{19}", r"-1 \pm \sqrt{19}"), ("-2,-2", "-2"), (r"$(1,1), (3,2)$", r"(1,1), (2,3)"), (r"$(1,1), (3,2)$", r"(3,2)"), ("5", r"5 \pm 1"), (r"$69$,$84$", "6984"),
    # fractions
    (r"1\frac{4}{5}", r"\frac{4}{5}"), (r"1\frac{4}{5}", "14/5"), (r"137 \frac{1}{2}", "137"), ("-3./2", "-3"), ("-3./2", r"\frac32"), ("-1./3", "-1/2"), (r"\frac43", r"\frac34"), ("+2", "-2"), (r"\frac{3}{56}", r"\frac{3}{57}"),
    # points, intervals, vectors
    ("(3,4]", "(3,4)"), ("(3,4]", "[3,4]"), ("(3,4]", "[3,4)"), ("(8,-2)", "(-2,8)"), ("(8,-2)", "(8,2)"), ("(6,31,-1)", "(6,31)"), (r"(2,\infty)", r"[2,\infty)"), (r"(2,\infty)", r"x \ge 2"), (r"(2,\infty)", r"(-\infty,2)"), ("(8,-2)", "[8,-2]"),
    (r"(-\infty, 2) \cup (3, \infty)", r"(-\infty,2) \cup [3,\infty)"), (r"(-\infty, 2) \cup (3, \infty)", r"(-\infty,2)"), (r"\begin{pmatrix} -18 \\ -49 \\ 96 \end{pmatrix}", r"\begin{pmatrix} -18 \\ 49 \\ 96 \end{pmatrix}"), (r"$k \geqslant 2$", "k>2"), (r"$k \geqslant 2$", r"k \le 2"), ("(2,4)", "4,2"),
    (r"\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}", r"\begin{pmatrix} -1 & 0 \\ 0 & 1 \end{pmatrix}"), (r"x \in [-2,7]", r"(-2,7)"), (r"x \in [-2,7]", r"-2 < x < 7"),
    # expressions, equations, names
    ("np.arcsin(10/13)", r"\arccos(10/13)"), ("np.arcsin(10/13)", r"\frac{10}{13}"), (r"$m_{\max }=n^{2}-n-1$", "n^2-n+1"), (r"y = 2x + 3", r"y = 2x - 3"), (r"y = 2x + 3", "3"), (r"5x - 7y + 11z + 4 = 0", r"5x + 7y + 11z + 4 = 0"), (r"$f(n)=n^{2}$", "g(n)=n^2"), (r"$f(n)=n^{2}$", "f(n)=n^3"),
    ("MR=SRMC", "MR=LRMC"), ("SRAC=LRAC", "SRAC=SRMC"), ("x=5", "y=5"), ("x=5", "x=6"), (r"y^{\prime}+r y-r x(t)=0", r"y^{\prime\prime}+r y-r x(t)=0"), (r"\frac{d x}{d t}=k x-a", r"\frac{x}{t}=kx-a"), (r"I(0)", "0"), (r"E_{1},E_{2}", r"E_1,E_3"), (r"\alpha", r"\beta"), (r"\gamma^2", r"\beta^2"),
    (r"$2^{1009}$", r"2^{1009}+1"), (r"$m n-\lfloor m / 2\rfloor$", r"mn - m/2"), (r"$\lceil n / 2\rceil+1$", r"\lfloor n/2\rfloor + 1"), (r"$\frac{100!}{2^{50}}$", r"\frac{99!}{2^{50}}"), (r"1+\sqrt{3} i", r"1-\sqrt{3} i"), (r"e^{t} / 3", r"e^{-t}/3"), (r"\frac{11+9a}{20}", r"\frac{11+9b}{20}"), ("|x|", "x"), (r"-\sin (3 t) / 5", r"\sin (3 t) / 5"),
    # words
    (r"\text{Evelyn}", r"\text{Carla}"), (r"\text{(C)}", "D"), (r"\text{(C)}", r"\text{(B)}"), (r"\text{even}", r"\text{odd}"), (r"\text{east}", r"\text{west}"), (r"\text{even}", r"\text{not even}"), (r"\text{east}", ""), ("5", ""), ("5", r"\text{}"), ("5", "?"),
    # of every kind
    ("6m", r"6 \text{m}"), ("11450", "1,1450"), ("1,2", "1.2"), (r"1\frac{4}{5}", "1-4/5"), (r"(0,9) \cup (9,36)", "(0,36)"), (r"\{1,2\}", "[1,2]"),
    ("(3,2)", "(2,3)"), ("1,-2", "1, 2"), ("1,-2", r"\pm 1, -2"), (r"\pm 3", "3"), ("p - q", "q-p"), (r"\text{ellipse}", r"\text{hyperbola}"),
    ("C", "c"), ("R", "r"), ("6-5i", "6+5i"), ("x^2+1", "y^2+1"), (r"\arcsin{1.3 \sin{\theta_w}}", r"\arcsin(1.4 \sin \theta_w)"),
    (r"m \frac{d v}{d t}+b v=f", r"m\frac{d^2v}{dt^2}+bv=f"), (r"2021 \cdot 505 \cdot 337", "343951685"), ("8", r"\neq 8"), ("8", "8x"), ("8", "8!"),
    ("8", r"8 \text{ million}"), ("8", "8k"), ("8", "8;9"),
]  # fmt: skip

# What may be right, but could mean something else, or asks for a judgement: docs/answers.md gives the reasons.
REFUSED = [
    ("52_8", r"52_{\text{eight}}"), ("6", "6~m"), ("7", r"7 \text{ dollars and } 0 \text{ cents}"), ("2.7778e-6", r"2.7778 \cdot 10^{-6} m"),
    ("11450", "11 , 450"), ("11450", "11, 450"), ("11450", "11.450"), ("1/3", "0.3333"), ("1/3", "0.33"), (r"\sqrt{2}", "1.41"),
    (r"(2,\infty)", r"]2,\infty["), ("y = 2x + 3", "f(x) = 2x+3"), (r"\text{even}", r"\text{The function is even}"),
    (r"\text{even}", r"\text{even function}"), (r"\text{Evelyn}", r"\text{Evelyn is the fastest}"), ("6-5i", "6 - 5j"), (r"2\pi", "6.28"),
    (r"\pi", "3.14159"), (r"m \frac{d v}{d t}+b v=f", r"m \frac{d v(t)}{d t}+b v(t)=f(t)"), (r"k \geqslant 2", r"\text{all } k \ge 2"),
    (r"\frac{1}{\sqrt{2}}c", "0.707107c"), ("10", "^5C_2"), ("8", r"8 \text{ or more}"), ("8", r"\text{at least } 8"), ("8", ">8"), ("8", "8+"),
    ("8", r"8 \pmod{11}"), ("8", r"8 \text{ mod } 11"), ("8", "8 (approximately)"), ("8", "eight"), ("8", r"\text{eight}"), ("8", "VIII"),
    ("8", "n/a"),
]  # fmt: skip

# gold, whole text, right
UNBOXED = [
    ("4.5e33", "The answer is 4.5e33.", True), ("4.5", "The answer is 4.5e33.", False), ("58", "The answer is **58**.", True), ("58", "**Answer: 58**", True), ("58", "**Answer:** 58", True),
    ("5", "the answer is 5", True), ("5", "The final answer is $5$. I hope it is correct.", True), (r"\frac{1}{2}", r"So the answer is $\frac{1}{2}$.", True), ("5", "The answer is 5 because 2+3=5.", True), ("5", "the answer is not 5", False),
    ("2", "the answer is 5 because 5 > 2", False), ("12", "The answer is: 7 + 5 = 12.", True), ("11450", "The answer is 11,450.", True), ("3", "I think 3", None), ("1,-2", "The answers are 1 and -2.", True), ("10080", r"Answer: $10{,}080$ ways", True),
    ("42", r"\boxed{42} and so $\boxed{}$", True), ("42", r"\boxed{41}, put in \boxed{ }", False), ("42", r"\boxed{42} \boxed{\text{}}", True), ("5", r"\boxed{}", None), ("7", r"\boxed{7} \boxed{5", None), ("7", r"\boxed{7} or \boxed{5}", False), ("4.5", "The answer is 4.5 to 4.6", False), ("1.5", "The answer is 1.5.", True),
    ("33", "The answer is 33/2.", False), ("33", r"Answer: \(33\)", True), ("18", "The answer is $18.", True), ("18", "The answer is 18 dollars per day.", True), ("8", "The answer is x = 8", True), ("8", r"The answer is \[8\]", True),
    (r"\$32,\!348", r"Answer: $\$32,\!348$", True), ("18", r"The answer is $\$18$.", True), ("18", r"The answer is $\$19$.", False), ("5,6", r"The answer is $\$5$ or $\$6$.", True),
]  # fmt: skip
